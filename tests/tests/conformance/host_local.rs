//! Which addresses the plugin `host-local` gives, called as an interface plugin calls it.

use std::collections::BTreeSet;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{CniCall, CniFailure, Node};

use crate::case::{Case, case, group};
use crate::judge::{addresses, equal, items, same};
use crate::lists::{host_local, merged};
use crate::shape::{VERSIONS, at_least};

pub(crate) fn cases() -> Vec<Case> {
    let mut all = vec![
        case!(the_first_address_is_behind_the_gateway),
        case!(the_gateway_is_the_configured_one),
        case!(the_old_form_of_one_subnet),
        case!(a_range_has_start_and_end),
        case!(the_last_address_is_not_the_broadcast_address),
        case!(ranges_of_a_set_are_one_pool),
        case!(each_set_gives_an_address),
        case!(routes_and_resolver_are_in_the_result),
        case!(an_address_is_not_given_again_at_once),
        case!(two_interfaces_have_two_addresses),
        case!(two_networks_do_not_know_each_other),
        case!(del_frees_all_addresses_and_may_repeat),
        case!(del_of_another_frees_nothing),
        case!(a_set_that_is_exhausted_keeps_no_address_of_the_others),
        case!(many_at_once_get_an_address_each),
        case!(bad_ranges_are_refused),
        case!(check_knows_who_has_an_address),
        // It makes a directory of the name.
        case!(a_long_network_name).reference_fails("file name too long"),
        // Its DEL goes over the ranges of the configuration.
        case!(del_without_ranges_frees_addresses).reference_fails("no IP ranges specified"),
    ];
    all.extend(VERSIONS.map(|version| {
        let title = format!("version_{}", version.replace('.', "_"));
        let case = Case::new(title, move |node| in_version(node, version));
        if version == "1.1.0" {
            case.reference_left_out()
        } else {
            case
        }
    }));
    all.push(case!(a_namespace_that_is_not_there));
    let all = all.into_iter().map(|case| case.after(container));
    group("host-local", &[], all)
}

/// The configuration of an interface plugin of another vendor, with this `ipam`.
pub(crate) fn network(ipam: &Value) -> Value {
    json!({"cniVersion": "1.0.0", "name": "pods", "type": "acme", "ipam": ipam})
}

/// Makes the namespace of [`call`].
pub(crate) fn container(node: &Node) -> Result<()> {
    node.pod("ipam").map(drop)
}

/// A call for the interface `eth0` of a container. All have one namespace, where no IPAM plugin has business.
pub(crate) fn call<'a>(node: &'a Node, verb: &str, config: &Value, container: &str) -> CniCall<'a> {
    let plugin = config["ipam"]["type"].as_str().unwrap_or_default();
    CniCall::new(node, plugin, verb)
        .attachment(container, "/run/netns/ipam", "eth0")
        .config(config)
}

pub(crate) fn add(node: &Node, config: &Value, container: &str) -> Result<Value> {
    call(node, "ADD", config, container).succeed()
}

pub(crate) fn refused(node: &Node, config: &Value, container: &str) -> Result<CniFailure> {
    call(node, "ADD", config, container).run()?.error()
}

fn given(node: &Node, config: &Value, container: &str) -> Result<Vec<String>> {
    Ok(addresses(&add(node, config, container)?))
}

fn del(node: &Node, config: &Value, container: &str) -> Result<()> {
    call(node, "DEL", config, container).succeed().map(drop)
}

fn of(subnets: &[&str]) -> Value {
    network(&host_local(subnets))
}

fn sets(sets: &Value) -> Value {
    network(&json!({"type": "host-local", "ranges": sets}))
}

fn the_first_address_is_behind_the_gateway(node: &Node) -> Result<()> {
    let result = add(node, &of(&["10.1.0.0/24", "fd00:1::/64"]), "a")?;
    let expected = json!([
        {"address": "10.1.0.2/24", "gateway": "10.1.0.1"},
        {"address": "fd00:1::2/64", "gateway": "fd00:1::1"},
    ]);
    same("ips", &result["ips"], expected)?;
    ensure!(result["interfaces"].is_null(), "interfaces: {result}");
    same("cniVersion", &result["cniVersion"], "1.0.0")
}

fn the_gateway_is_the_configured_one(node: &Node) -> Result<()> {
    let config = sets(&json!([[{"subnet": "10.1.0.0/29", "gateway": "10.1.0.3"}]]));
    let mut all = Vec::new();
    for container in ["a", "b", "c", "d", "e"] {
        let result = add(node, &config, container)?;
        same("gateway", &result["ips"][0]["gateway"], "10.1.0.3")?;
        all.extend(addresses(&result));
    }
    equal(
        "addresses",
        all,
        [
            "10.1.0.1/29",
            "10.1.0.2/29",
            "10.1.0.4/29",
            "10.1.0.5/29",
            "10.1.0.6/29",
        ],
    )?;
    refused(node, &config, "f").map(drop)
}

fn the_old_form_of_one_subnet(node: &Node) -> Result<()> {
    let config = network(&json!({
        "type": "host-local", "subnet": "10.1.0.0/24",
        "rangeStart": "10.1.0.20", "rangeEnd": "10.1.0.21", "gateway": "10.1.0.254",
    }));
    let result = add(node, &config, "a")?;
    let expected = json!([{"address": "10.1.0.20/24", "gateway": "10.1.0.254"}]);
    same("ips", &result["ips"], expected)
}

fn a_range_has_start_and_end(node: &Node) -> Result<()> {
    let config = sets(
        &json!([[{"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.10", "rangeEnd": "10.1.0.12"}]]),
    );
    for (container, address) in [
        ("a", "10.1.0.10/24"),
        ("b", "10.1.0.11/24"),
        ("c", "10.1.0.12/24"),
    ] {
        equal(container, given(node, &config, container)?, [address])?;
    }
    refused(node, &config, "d").map(drop)
}

fn the_last_address_is_not_the_broadcast_address(node: &Node) -> Result<()> {
    let config = of(&["10.1.0.0/29"]);
    for container in ["a", "b", "c", "d", "e"] {
        ensure!(
            given(node, &config, container)? != ["10.1.0.7/29"],
            "the broadcast address"
        );
    }
    refused(node, &config, "f").map(drop)
}

fn ranges_of_a_set_are_one_pool(node: &Node) -> Result<()> {
    let config = sets(&json!([[{"subnet": "10.1.0.0/30"}, {"subnet": "10.2.0.0/30"}]]));
    let all = [given(node, &config, "a")?, given(node, &config, "b")?].concat();
    equal("addresses", all, ["10.1.0.2/30", "10.2.0.2/30"])?;
    refused(node, &config, "c").map(drop)
}

fn each_set_gives_an_address(node: &Node) -> Result<()> {
    let config = of(&["10.1.0.0/24", "10.2.0.0/24", "fd00:1::/64"]);
    equal(
        "addresses",
        given(node, &config, "a")?,
        ["10.1.0.2/24", "10.2.0.2/24", "fd00:1::2/64"],
    )
}

fn routes_and_resolver_are_in_the_result(node: &Node) -> Result<()> {
    node.write(
        "/run/pods.resolv.conf",
        "# a comment\nnameserver 192.0.2.53\nnameserver 2001:db8::53\ndomain example.org\nsearch a.example.org b.example.org\noptions ndots:2 edns0\n",
    )?;
    let routes = json!([{"dst": "0.0.0.0/0"}, {"dst": "192.0.2.0/24", "gw": "10.1.0.7"}]);
    let keys = json!({"routes": routes, "resolvConf": "/run/pods.resolv.conf"});
    let result = add(
        node,
        &network(&merged(&host_local(&["10.1.0.0/24"]), &keys)),
        "a",
    )?;
    equal("routes", &result["routes"], &routes)?;
    let expected = json!({
        "nameservers": ["192.0.2.53", "2001:db8::53"], "domain": "example.org",
        "search": ["a.example.org", "b.example.org"], "options": ["ndots:2", "edns0"],
    });
    same("dns", &result["dns"], expected)
}

fn an_address_is_not_given_again_at_once(node: &Node) -> Result<()> {
    let config = of(&["10.1.0.0/24"]);
    let first = given(node, &config, "a")?;
    del(node, &config, "a")?;
    let second = given(node, &config, "b")?;
    ensure!(first != second, "{first:?} again");
    Ok(())
}

fn two_interfaces_have_two_addresses(node: &Node) -> Result<()> {
    let config = of(&["10.1.0.0/24"]);
    let second = |verb: &str| call(node, verb, &config, "a").variable("CNI_IFNAME", "eth1");
    let first = given(node, &config, "a")?;
    ensure!(
        addresses(&second("ADD").succeed()?) != first,
        "one address for both"
    );
    second("DEL").succeed()?;
    let check = call(
        node,
        "CHECK",
        &merged(&config, &json!({"prevResult": previous(&first)})),
        "a",
    );
    check.succeed().map(drop)
}

fn previous(of: &[String]) -> Value {
    let ips: Vec<_> = of
        .iter()
        .map(|address| json!({"address": address}))
        .collect();
    json!({"cniVersion": "1.0.0", "ips": ips})
}

fn two_networks_do_not_know_each_other(node: &Node) -> Result<()> {
    let first = of(&["10.1.0.0/30"]);
    let second = merged(&first, &json!({"name": "others"}));
    equal(
        "addresses",
        given(node, &first, "a")?,
        given(node, &second, "a")?,
    )?;
    del(node, &first, "a")?;
    refused(node, &second, "b").map(drop)
}

fn del_frees_all_addresses_and_may_repeat(node: &Node) -> Result<()> {
    let config = of(&["10.1.0.0/30", "fd00:1::/126"]);
    for container in ["a", "b", "c"] {
        // A /126 has two addresses besides the gateway.
        equal(
            "address",
            &given(node, &config, container)?[0],
            "10.1.0.2/30",
        )?;
        for _ in 0..2 {
            del(node, &config, container)?;
            call(node, "DEL", &config, container)
                .variable("CNI_NETNS", "")
                .succeed()?;
        }
    }
    Ok(())
}

fn del_of_another_frees_nothing(node: &Node) -> Result<()> {
    let config = of(&["10.1.0.0/30"]);
    given(node, &config, "a")?;
    del(node, &config, "b")?;
    call(node, "DEL", &config, "a")
        .variable("CNI_IFNAME", "eth1")
        .succeed()?;
    refused(node, &config, "b").map(drop)
}

fn a_set_that_is_exhausted_keeps_no_address_of_the_others(node: &Node) -> Result<()> {
    let config = sets(&json!([
        [{"subnet": "10.1.0.0/29", "rangeStart": "10.1.0.2", "rangeEnd": "10.1.0.3"}],
        [{"subnet": "10.2.0.0/30"}],
    ]));
    given(node, &config, "a")?;
    for container in ["b", "c", "d"] {
        refused(node, &config, container)?;
    }
    let first = sets(
        &json!([[{"subnet": "10.1.0.0/29", "rangeStart": "10.1.0.2", "rangeEnd": "10.1.0.3"}]]),
    );
    given(node, &first, "e").map(drop)
}

fn many_at_once_get_an_address_each(node: &Node) -> Result<()> {
    const MANY: usize = 24;
    let config = of(&["10.1.0.0/24"]);
    let config = &config;
    let all: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> = (0..MANY)
            .map(|number| scope.spawn(move || given(node, config, &format!("c{number}"))))
            .collect();
        let ended = running
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("a panic"))?);
        ended.collect::<Result<Vec<_>>>().map(|all| all.concat())
    })?;
    equal(
        "different addresses",
        all.iter().collect::<BTreeSet<_>>().len(),
        MANY,
    )
}

fn bad_ranges_are_refused(node: &Node) -> Result<()> {
    for bad in [
        json!([]),
        json!([[]]),
        json!([[{"subnet": "10.1.0.0/31"}]]),
        json!([[{"subnet": "10.1.0.9/24"}]]),
        json!([[{"subnet": "10.1.0.0"}]]),
        json!([[{"subnet": "10.1.0.0/24", "rangeStart": "10.2.0.1"}]]),
        json!([[{"subnet": "10.1.0.0/24", "rangeEnd": "10.2.0.1"}]]),
        json!([[{"subnet": "10.1.0.0/24"}, {"subnet": "10.1.0.0/24"}]]),
        json!([[{"subnet": "10.1.0.0/24"}], [{"subnet": "10.1.0.128/25"}]]),
        json!([[{"subnet": "10.1.0.0/24"}, {"subnet": "fd00:1::/64"}]]),
    ] {
        refused(node, &sets(&bad), "a").with_context(|| bad.to_string())?;
    }
    Ok(())
}

fn check_knows_who_has_an_address(node: &Node) -> Result<()> {
    let config = of(&["10.1.0.0/24"]);
    let first = given(node, &config, "a")?;
    let config = merged(&config, &json!({"prevResult": previous(&first)}));
    call(node, "CHECK", &config, "a").succeed()?;
    call(node, "CHECK", &config, "b").run()?.error()?;
    del(node, &config, "a")?;
    call(node, "CHECK", &config, "a").run()?.error().map(drop)
}

fn a_long_network_name(node: &Node) -> Result<()> {
    let config = merged(&of(&["10.1.0.0/30"]), &json!({"name": "n".repeat(300)}));
    for container in ["a", "b"] {
        add(node, &config, container)?;
        del(node, &config, container)?;
    }
    Ok(())
}

fn del_without_ranges_frees_addresses(node: &Node) -> Result<()> {
    let config = of(&["10.1.0.0/30"]);
    given(node, &config, "a")?;
    // The runtime passed ranges to ADD and none to DEL.
    del(node, &sets(&json!([])), "a")?;
    given(node, &config, "b").map(drop)
}

fn a_namespace_that_is_not_there(node: &Node) -> Result<()> {
    let config = of(&["10.1.0.0/24"]);
    for netns in ["host", "/run/netns/gone"] {
        let call =
            |verb: &str, config: &Value| call(node, verb, config, "a").variable("CNI_NETNS", netns);
        let result = call("ADD", &config).succeed()?;
        call("CHECK", &merged(&config, &json!({"prevResult": result}))).succeed()?;
        call("DEL", &config).succeed()?;
    }
    Ok(())
}

fn in_version(node: &Node, version: &str) -> Result<()> {
    let config = merged(
        &of(&["10.1.0.0/24", "fd00:1::/64"]),
        &json!({"cniVersion": version}),
    );
    let result = add(node, &config, "a")?;
    crate::shape::judge(version, &result)?;
    if at_least(version, "0.3.0") {
        equal("ips", items(&result["ips"]).count(), 2_usize)?;
    } else {
        same("ip4", &result["ip4"]["ip"], "10.1.0.2/24")?;
        same("ip6", &result["ip6"]["ip"], "fd00:1::2/64")?;
    }
    if at_least(version, "0.4.0") {
        let check = merged(&config, &json!({"prevResult": result}));
        call(node, "CHECK", &check, "a").succeed()?;
    }
    del(node, &config, "a")?;
    if !at_least(version, "0.3.0") {
        // One address of each family is all that a result can tell.
        let two = merged(
            &of(&["10.1.0.0/24", "10.2.0.0/24"]),
            &json!({"cniVersion": version}),
        );
        refused(node, &two, "b")?;
    }
    Ok(())
}
