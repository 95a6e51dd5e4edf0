//! Calls killed at random moments beside workers that add and delete: no address twice, nothing left.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;
use wasm_cni_tests::{Conflist, Node, Pod};

use crate::lists::{self, full_chain_on};
use crate::{addresses, assert_nothing_left, node};

const ROUNDS: u32 = 500;
const WORKERS: usize = 8;
const KILLERS: usize = 4;
/// A call takes a few milliseconds here; entering the node comes before.
const LONGEST_MICROSECONDS: u64 = 12_000;

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

/// Who works with which address now.
#[derive(Default)]
struct Holders(Mutex<BTreeMap<String, String>>);

impl Holders {
    fn take(&self, result: &Value, pod: &Pod<'_>) -> Result<()> {
        let mut holders = self.0.lock().map_err(|_| anyhow!("a panic"))?;
        for address in addresses(result) {
            let former = holders.insert(address.clone(), pod.name().to_owned());
            ensure!(
                former.is_none(),
                "{address} is given to {} and held by {former:?}",
                pod.name()
            );
        }
        Ok(())
    }

    /// What a killed ADD left is perhaps an address on an interface: then it is nobody else's.
    fn nobody_else_has_those_of(&self, pod: &Pod<'_>) -> Result<()> {
        let own = || -> Result<Vec<String>> {
            if !pod.has_link("eth0")? {
                return Ok(Vec::new());
            }
            let addresses = pod.run(&["ip", "-o", "address", "show", "dev", "eth0"])?;
            Ok(addresses
                .stdout
                .split_whitespace()
                .filter_map(|word| Some(word.split_once('/')?.0.to_owned()))
                .collect())
        };
        let before = own()?;
        let held = {
            let holders = self.0.lock().map_err(|_| anyhow!("a panic"))?;
            let held = before.into_iter().filter(|own| holders.contains_key(own));
            held.collect::<Vec<_>>()
        };
        if held.is_empty() {
            return Ok(());
        }
        // Unless somebody has swept it meanwhile, interface and all.
        let still = own()?;
        ensure!(
            !held.iter().any(|address| still.contains(address)),
            "{held:?} of {} are held by others",
            pod.name()
        );
        Ok(())
    }

    fn give(&self, result: &Value) -> Result<()> {
        let mut holders = self.0.lock().map_err(|_| anyhow!("a panic"))?;
        for address in addresses(result) {
            holders.remove(&address);
        }
        Ok(())
    }
}

fn work(
    node: &Node,
    list: &Conflist,
    pod: &Pod<'_>,
    holders: &Holders,
    over: &AtomicBool,
) -> Result<u32> {
    let mut turns = 0;
    while !over.load(Ordering::Relaxed) {
        let result = list.add(node, pod)?;
        holders.take(&result, pod)?;
        let own = pod.addresses("eth0")?;
        ensure!(!own.is_empty(), "{} has no address", pod.name());
        // From the moment that DEL is called, the address may be another's.
        holders.give(&result)?;
        list.del(node, pod, &result)?;
        turns += 1;
    }
    Ok(turns)
}

/// Kills an ADD or a DEL at some moment; mostly a DEL follows that may take its time.
fn kill(
    node: &Node,
    list: &Conflist,
    pod: &Pod<'_>,
    holders: &Holders,
    random: &mut Random,
) -> Result<()> {
    let call = |verb| list.entry(0, node, pod, verb, &Value::Null);
    let moment = Duration::from_micros(1 + random.next(LONGEST_MICROSECONDS)).as_secs_f64();
    if random.next(3) == 0 {
        // What the round before has left.
        call("DEL")?.succeed()?;
        let result = call("ADD")?.succeed()?;
        holders.take(&result, pod)?;
        holders.give(&result)?;
        call("DEL")?.killed_after(moment).run()?;
    } else {
        let reply = call("ADD")?.killed_after(moment).run()?;
        if reply.0.success() {
            let result = reply.result()?;
            holders.take(&result, pod)?;
            holders.give(&result)?;
        } else {
            holders.nobody_else_has_those_of(pod)?;
        }
    }
    if random.next(4) == 0 {
        // The runtime is gone as well: others have to find what is left.
        return Ok(());
    }
    call("DEL")?.succeed().map(drop)
}

#[test]
fn calls_killed_at_random_moments_leave_nothing_and_nobody_gets_anothers_address() -> Result<()> {
    let node = node!();
    let seed = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)?
        .as_secs();
    // Shown when the test fails.
    println!("seed {seed}");
    // Cool-down off, and few addresses: each is given again and again.
    let mut link = lists::bridge("cni0", &["10.1.0.0/27", "fd00:1::/123"]);
    link["ipam"]["coolDownSeconds"] = 0.into();
    let list = |number: usize| full_chain_on(link.clone(), 8000 + number as u16);
    let pods = |kind: &str, count: usize| -> Result<Vec<Pod<'_>>> {
        (0..count)
            .map(|number| node.pod(&format!("{kind}{number}")))
            .collect()
    };
    let (workers, victims) = (pods("worker", WORKERS)?, pods("victim", KILLERS)?);
    let holders = Holders::default();
    let over = AtomicBool::new(false);
    let rounds = AtomicU32::new(0);
    let outcome = thread::scope(|scope| -> Result<u32> {
        let working: Vec<_> = workers
            .iter()
            .enumerate()
            .map(|(number, pod)| {
                let list = list(number);
                let (node, holders, over) = (&node, &holders, &over);
                scope.spawn(move || work(node, &list, pod, holders, over))
            })
            .collect();
        let killing: Vec<_> = victims
            .iter()
            .enumerate()
            .map(|(number, pod)| {
                let list = list(WORKERS + number);
                let mut random = Random(seed.wrapping_add(number as u64));
                let (node, holders, rounds) = (&node, &holders, &rounds);
                scope.spawn(move || -> Result<()> {
                    while rounds.fetch_add(1, Ordering::Relaxed) < ROUNDS {
                        kill(node, &list, pod, holders, &mut random)?;
                    }
                    list.entry(0, node, pod, "DEL", &Value::Null)?
                        .succeed()
                        .map(drop)
                })
            })
            .collect();
        let killed: Result<()> = killing
            .into_iter()
            .try_for_each(|each| each.join().map_err(|_| anyhow!("a panic"))?);
        over.store(true, Ordering::Relaxed);
        let mut turns = 0;
        for each in working {
            turns += each.join().map_err(|_| anyhow!("a panic"))??;
        }
        killed.map(|()| turns)
    });
    let turns = outcome.with_context(|| format!("seed {seed}"))?;
    ensure!(turns > 0, "the workers did nothing");
    assert_nothing_left(&node, &[]).with_context(|| format!("seed {seed}"))?;
    let rules = node.ruleset()?;
    for port in 8000..8012 {
        ensure!(
            !rules.contains(&port.to_string()),
            "seed {seed}: port {port}: {rules}"
        );
    }
    Ok(())
}
