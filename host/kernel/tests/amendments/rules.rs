use plan::{Family, RoutingRule, RoutingRules, Step};

use crate::attachments::Pod;
use crate::single_steps::{do_observed, perform, verify};
use crate::{attached, undone};

fn rule(family: Family, priority: Option<u32>, source: &str, table: u32) -> RoutingRule {
    RoutingRule {
        family,
        priority,
        source: Some(source.parse().unwrap()),
        destination: None,
        table,
    }
}

fn rules(pod: &Pod) -> String {
    pod.namespace.ip("rule show") + &pod.namespace.ip("-6 rule show")
}

#[test]
fn packets_follow_rules_until_these_are_undone() {
    let Some((host, pod)) = attached() else {
        return;
    };
    let before = rules(&pod);
    let to = RoutingRule {
        destination: Some("192.0.2.0/24".parse().unwrap()),
        ..rule(Family::Ipv4, None, "0.0.0.0/0", 100_000)
    };
    let step = Step::RoutingRules(RoutingRules {
        rules: vec![
            rule(Family::Ipv4, Some(100), "10.1.0.7/32", 1000),
            rule(Family::Ipv6, Some(100), "fd00::7/128", 1000),
            to,
        ],
    });
    let undo = do_observed(&host, &pod, &step);
    pod.namespace
        .ip("route add 198.51.100.1 via 10.1.0.99 dev eth0 table 1000");
    let way = pod.namespace.ip("route get 198.51.100.1 from 10.1.0.7");
    assert!(way.contains("via 10.1.0.99"), "{way}");
    let shown = rules(&pod);
    for part in [
        "100:\tfrom 10.1.0.7 lookup 1000",
        "100:\tfrom fd00::7 lookup 1000",
        "from all to 192.0.2.0/24 lookup 100000",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    // Repeats add none.
    perform(&host, &pod, &step).unwrap();
    assert_eq!(rules(&pod), shown);
    undone(&host, &undo);
    assert_eq!(rules(&pod), before);
    assert_eq!(verify(&host, &pod, &step).len(), 3);
}

#[test]
fn rules_of_others_stay() {
    let Some((host, pod)) = attached() else {
        return;
    };
    // As ours but for what it selects besides, and equal but set before.
    pod.namespace
        .ip("rule add from 10.1.0.7 fwmark 1 table 1000 priority 100");
    pod.namespace
        .ip("rule add from 10.1.0.8 table 1000 priority 100");
    let before = rules(&pod);
    let step = Step::RoutingRules(RoutingRules {
        rules: vec![
            rule(Family::Ipv4, Some(100), "10.1.0.7/32", 1000),
            rule(Family::Ipv4, Some(100), "10.1.0.8/32", 1000),
        ],
    });
    let undo = do_observed(&host, &pod, &step);
    undone(&host, &undo);
    assert_eq!(rules(&pod), before);
}
