//! Ports of the host: which attachment each belongs to, on the whole node.
//!
//! What a record's steps forward is what it claims, so claims can't drift from records: they are settled in the transaction
//! that writes the record.

mod quarantine;

use std::collections::BTreeSet;
use std::net::IpAddr;

use plan::{Attachment, AttachmentKey, PortClaim, Step};

use crate::key::{Key, Parts, Table};
use crate::record::{decode, record_key};
use crate::transaction::{View, Writing};
use crate::{Record, StoreError};

pub use quarantine::QuarantinedPort;
pub(crate) use quarantine::quarantine;

/// Claims what the record's steps forward and gives back what they no longer do.
pub(crate) fn settle(w: &mut Writing<'_>, record: &Record) -> Result<(), StoreError> {
    let attachment = record.attachment.key();
    let wanted = wanted(record);
    let known = known(w.view(), &attachment)?;
    for claim in wanted
        .iter()
        .filter(|claim| !known.contains(&suffix(claim)))
    {
        if let Some(holder) = holder(w.view(), claim, &attachment)? {
            return Err(StoreError::PortTaken {
                claim: *claim,
                holder: Box::new(holder),
            });
        }
        if let Some(port) = quarantine::clashing(w.view(), claim)? {
            return Err(StoreError::PortQuarantined {
                claim: *claim,
                target: port.forward.target,
            });
        }
        let suffix = suffix(claim);
        w.put(&claim_key(&suffix), attachment.as_bytes())?;
        w.put(&index_key(&attachment).bytes(&suffix), &[])?;
    }
    let kept: BTreeSet<Vec<u8>> = wanted.iter().map(suffix).collect();
    for suffix in known.difference(&kept) {
        release(w, &attachment, suffix)?;
    }
    Ok(())
}

/// Gives back everything that the attachment has claimed.
pub(crate) fn release_all(
    w: &mut Writing<'_>,
    attachment: &AttachmentKey,
) -> Result<(), StoreError> {
    for suffix in known(w.view(), attachment)? {
        release(w, attachment, &suffix)?;
    }
    Ok(())
}

fn release(
    w: &mut Writing<'_>,
    attachment: &AttachmentKey,
    suffix: &[u8],
) -> Result<(), StoreError> {
    w.delete(&claim_key(suffix))?;
    w.delete(&index_key(attachment).bytes(suffix))?;
    Ok(())
}

fn wanted(record: &Record) -> BTreeSet<PortClaim> {
    let steps = record.parts.iter().flat_map(|part| &part.steps);
    let forwards = steps.filter_map(|step| match step {
        Step::PortForwards(wanted) => Some(&wanted.forwards),
        _ => None,
    });
    forwards.flatten().map(plan::PortForward::claim).collect()
}

fn known(view: View<'_>, attachment: &AttachmentKey) -> Result<BTreeSet<Vec<u8>>, StoreError> {
    let prefix = index_key(attachment);
    let entries = view.scan(prefix.clone(), None)?;
    entries
        .map(|entry| Ok(entry?.0.get(prefix.len()..).unwrap_or_default().to_vec()))
        .collect()
}

/// Another attachment whose claim clashes with this one.
fn holder(
    view: View<'_>,
    claim: &PortClaim,
    own: &AttachmentKey,
) -> Result<Option<Attachment>, StoreError> {
    let mut holders = Vec::new();
    if claim.address.is_none() {
        for entry in view.scan(claim_key(&port_prefix(claim)), None)? {
            holders.push(Parts::of_value(entry?.1).attachment()?);
        }
    } else {
        for suffix in claim_clash_keys(claim) {
            if let Some(value) = view.get(&claim_key(&suffix))? {
                holders.push(Parts::of_value(value).attachment()?);
            }
        }
    }
    let Some(holder) = holders.iter().find(|holder| *holder != own) else {
        return Ok(None);
    };
    let record = view
        .get(&record_key(holder))?
        .ok_or(StoreError::corrupt("a claim of a host port"))?;
    decode(record).map(|record| Some(record.attachment))
}

/// What clashes with a claim of one address: every address, and the same one.
fn claim_clash_keys(claim: &PortClaim) -> [Vec<u8>; 2] {
    [port_prefix(claim), suffix(claim)]
}

fn port_prefix(claim: &PortClaim) -> Vec<u8> {
    let family = match claim.family {
        plan::Family::Ipv4 => 4,
        plan::Family::Ipv6 => 6,
    };
    let [high, low] = claim.port.to_be_bytes();
    vec![claim.transport.number(), high, low, family]
}

/// What tells a claim from others.
fn suffix(claim: &PortClaim) -> Vec<u8> {
    let mut bytes = port_prefix(claim);
    match claim.address {
        None => {}
        Some(IpAddr::V4(address)) => bytes.extend(address.octets()),
        Some(IpAddr::V6(address)) => bytes.extend(address.octets()),
    }
    bytes
}

fn claim_key(suffix: &[u8]) -> Key {
    Key::of(Table::PortClaim).bytes(suffix)
}

fn index_key(attachment: &AttachmentKey) -> Key {
    Key::of(Table::PortClaimOfAttachment).attachment(attachment)
}

#[cfg(test)]
mod tests {
    use plan::{ForwardTag, PortForward, PortForwards, SourceNat, Transport};

    use super::*;
    use crate::testing::{TestStore, attachment};
    use crate::{CoolDown, StagePart};

    fn record(container: &str, ports: &[(Option<&str>, u16)]) -> Record {
        let forwards = ports
            .iter()
            .map(|(address, host_port)| PortForward {
                transport: Transport::Tcp,
                host_address: address.map(|address| address.parse().unwrap()),
                host_port: *host_port,
                target: "10.1.0.2:80".parse().unwrap(),
                zone: None,
            })
            .collect();
        let tag = ForwardTag::of("pods", SourceNat::Local, 13, &[]);
        let mut record = Record::new(attachment(container), 1, 1);
        record.parts.push(StagePart {
            id: "portmap-1".into(),
            plugin: "portmap".into(),
            steps: vec![Step::PortForwards(PortForwards { tag, forwards })],
            undo: vec![],
            changes: vec![],
            call: None,
            addressing: None,
            config: serde_json::Value::Null,
            result: serde_json::Value::Null,
        });
        record
    }

    fn holder_of(outcome: Result<(), StoreError>) -> Option<String> {
        match outcome {
            Ok(()) => None,
            Err(StoreError::PortTaken { holder, .. }) => Some(holder.container_id.clone()),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_port_belongs_to_one_attachment_until_that_is_removed() {
        let store = TestStore::new();
        let put = |container: &str, ports: &[(Option<&str>, u16)]| {
            holder_of(store.put_pending(&record(container, ports), None))
        };
        assert_eq!(put("a", &[(None, 80)]), None);
        assert_eq!(put("a", &[(None, 80)]), None, "its own");
        assert_eq!(put("b", &[(None, 80)]).as_deref(), Some("a"));
        assert_eq!(put("b", &[(Some("192.0.2.1"), 80)]).as_deref(), Some("a"));
        assert_eq!(store.record(&attachment("b").key()).unwrap(), None);
        assert_eq!(put("b", &[(None, 81)]), None);
        store
            .remove(&attachment("a").key(), CoolDown::NONE)
            .unwrap();
        assert_eq!(put("c", &[(None, 80)]), None);
    }

    #[test]
    fn one_port_on_two_addresses_is_two_ports() {
        let store = TestStore::new();
        let put = |container: &str, ports: &[(Option<&str>, u16)]| {
            holder_of(store.put_pending(&record(container, ports), None))
        };
        assert_eq!(put("a", &[(Some("192.0.2.1"), 80)]), None);
        assert_eq!(put("b", &[(Some("192.0.2.2"), 80)]), None);
        assert_eq!(put("c", &[(None, 80)]).as_deref(), Some("a"));
    }

    #[test]
    fn a_port_in_quarantine_belongs_to_nobody_until_it_is_released() {
        let directory = tempfile::tempdir().unwrap();
        let store = crate::Store::open(&crate::testing::location(directory.path())).unwrap();
        let lost = |address: Option<&str>, port| QuarantinedPort {
            tag: ForwardTag::of("pods", SourceNat::Local, 13, &[]),
            forward: PortForward {
                transport: Transport::Tcp,
                host_address: address.map(|address| address.parse().unwrap()),
                host_port: port,
                target: "10.1.0.9:80".parse().unwrap(),
                zone: None,
            },
            since: 1,
        };
        let (wide, narrow) = (lost(None, 80), lost(Some("192.0.2.1"), 81));
        store.finish_new(&[], &[wide, narrow]).unwrap();
        assert_eq!(store.quarantined_ports().unwrap(), [wide, narrow]);
        let refused = |address: Option<&str>, port| {
            let outcome = store.put_pending(&record("a", &[(address, port)]), None);
            matches!(outcome, Err(StoreError::PortQuarantined { target, .. }) if target == wide.forward.target)
        };
        assert!(refused(None, 80) && refused(Some("192.0.2.7"), 80));
        assert!(refused(None, 81) && refused(Some("192.0.2.1"), 81));
        assert!(!refused(Some("192.0.2.7"), 81));
        store.release_port(&wide).unwrap();
        assert!(!refused(None, 80) && refused(None, 81));
    }

    #[test]
    fn a_part_that_goes_gives_its_ports_back() {
        let store = TestStore::new();
        let mut both = record("a", &[(None, 80)]);
        both.parts.extend(record("a", &[(None, 81)]).parts);
        store.put_pending(&both, None).unwrap();
        both.parts.pop();
        store.mark_applied(&both).unwrap();
        assert_eq!(
            holder_of(store.put_pending(&record("b", &[(None, 81)]), None)),
            None
        );
        let taken = store.put_pending(&record("c", &[(None, 80)]), None);
        assert_eq!(holder_of(taken).as_deref(), Some("a"));
    }
}
