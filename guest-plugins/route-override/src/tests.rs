use wasm_cni_guest::testing::{Node, ProposalState};
use wasm_cni_guest::{Attachment, Failure, Level, Policy, Route};

use crate::RouteOverride;

fn pod() -> Attachment {
    Attachment::new("pods", "4f5e", "eth0")
}

/// 10.1.0.2/24 and a default route through 10.1.0.1, and beside them routes of every kind.
fn proposal() -> ProposalState {
    let net = |text: &str| text.parse().unwrap();
    let ip = |text: &str| Some(text.parse().unwrap());
    let mut proposal = ProposalState::bridged()
        .with_address(net("fd00::2/64"), ip("fd00::1"))
        .with_route(net("10.8.0.0/16"), ip("10.1.0.8"))
        .with_route(net("10.9.0.0/16"), ip("10.1.0.9"))
        .with_route(net("10.9.0.0/16"), ip("10.1.0.1"))
        .with_route(net("10.1.0.0/24"), None)
        .with_route(net("169.254.0.0/16"), ip("10.1.0.1"))
        .with_route(net("::/0"), ip("fd00::1"))
        .with_route(net("10.9.0.0/16"), ip("10.1.0.1"));
    let other_table = proposal.routes.last_mut().unwrap();
    other_table.table = Some(100);
    // Two routes to one place differ in their priority.
    proposal.routes[2].priority = Some(5);
    proposal
}

/// One line for each route.
fn show(routes: &[Route]) -> Vec<String> {
    let mut lines: Vec<String> = routes
        .iter()
        .map(|route| {
            let gateway = route.gateway.map_or("link".to_owned(), |ip| ip.to_string());
            let mut line = format!("{} {gateway}", route.destination);
            for (name, value) in [
                ("mtu", route.mtu),
                ("priority", route.priority),
                ("table", route.table),
            ] {
                if let Some(value) = value {
                    line += &format!(" {name} {value}");
                }
            }
            line
        })
        .collect();
    lines.sort();
    lines
}

/// The routes that are left after the stage.
fn after(config: &str, proposal: &ProposalState) -> Vec<String> {
    let changes = Node::new()
        .amend::<RouteOverride>(config, &pod(), proposal)
        .unwrap_or_else(|error| panic!("{config}: {error}"));
    show(&proposal.clone().after(&changes).routes)
}

const DEFAULT_V4: &str = "0.0.0.0/0 10.1.0.1";
const DEFAULT_V6: &str = "::/0 fd00::1";
const ON_LINK: &str = "10.1.0.0/24 link";
const LINK_LOCAL: &str = "169.254.0.0/16 10.1.0.1";
const VIA_8: &str = "10.8.0.0/16 10.1.0.8";
const VIA_9: &str = "10.9.0.0/16 10.1.0.9 priority 5";
const VIA_1: &str = "10.9.0.0/16 10.1.0.1";
const OTHER_TABLE: &str = "10.9.0.0/16 10.1.0.1 table 100";

fn sorted<const N: usize>(mut lines: [&str; N]) -> [&str; N] {
    lines.sort_unstable();
    lines
}

#[test]
fn without_keys_nothing_changes() {
    let changes = Node::new()
        .amend::<RouteOverride>("{}", &pod(), &proposal())
        .unwrap();
    assert_eq!(changes, []);
}

#[test]
fn flushroutes_leaves_the_links_own_link_local_and_other_tables() {
    assert_eq!(
        after(r#"{"flushroutes": true}"#, &proposal()),
        sorted([ON_LINK, LINK_LOCAL, OTHER_TABLE])
    );
}

#[test]
fn flushgateway_takes_the_default_routes_of_both_families() {
    assert_eq!(
        after(r#"{"flushgateway": true}"#, &proposal()),
        sorted([ON_LINK, LINK_LOCAL, OTHER_TABLE, VIA_8, VIA_9, VIA_1])
    );
}

#[test]
fn delroutes_names_by_destination_gateway_and_table() {
    let left = |entry: &str| after(&format!(r#"{{"delroutes": [{entry}]}}"#), &proposal());
    assert_eq!(
        left(r#"{"dst": "10.9.0.0/16"}"#),
        sorted([
            DEFAULT_V4,
            DEFAULT_V6,
            ON_LINK,
            LINK_LOCAL,
            VIA_8,
            OTHER_TABLE
        ])
    );
    assert_eq!(
        left(r#"{"dst": "10.9.0.0/16", "gw": "10.1.0.9"}"#),
        sorted([
            DEFAULT_V4,
            DEFAULT_V6,
            ON_LINK,
            LINK_LOCAL,
            VIA_8,
            VIA_1,
            OTHER_TABLE
        ])
    );
    assert_eq!(
        left(r#"{"dst": "10.9.0.0/16", "table": 100}"#),
        sorted([
            DEFAULT_V4, DEFAULT_V6, ON_LINK, LINK_LOCAL, VIA_8, VIA_9, VIA_1
        ])
    );
}

#[test]
fn a_route_to_delete_that_is_not_there_is_logged() {
    let node = Node::new();
    let config = r#"{"delroutes": [{"dst": "192.168.0.0/16"}]}"#;
    let changes = node
        .amend::<RouteOverride>(config, &pod(), &proposal())
        .unwrap();
    assert_eq!(changes, []);
    let text = "delroutes: there is no such route to 192.168.0.0/16".to_owned();
    assert_eq!(node.log(), [(Level::Warning, text)]);
}

#[test]
fn addroutes_come_after_what_was_removed_and_only_once() {
    let config = r#"{"flushroutes": true, "addroutes": [
        {"dst": "10.8.0.0/16", "gw": "10.1.0.7", "mtu": 1400, "priority": 7}, {"dst": "10.1.0.0/24", "priority": 3},
        {"dst": "10.9.0.0/16", "table": 100}]}"#;
    assert_eq!(
        after(config, &proposal()),
        sorted([
            "10.8.0.0/16 10.1.0.7 mtu 1400 priority 7",
            ON_LINK,
            "10.1.0.0/24 10.1.0.1 priority 3",
            LINK_LOCAL,
            OTHER_TABLE
        ])
    );
}

#[test]
fn what_is_there_already_is_not_added_again() {
    let config = r#"{"addroutes": [{"dst": "10.9.0.0/16", "gw": "10.1.0.1", "table": 254},
        {"dst": "10.9.0.0/16", "table": 100}]}"#;
    let changes = Node::new()
        .amend::<RouteOverride>(config, &pod(), &proposal())
        .unwrap();
    assert_eq!(changes, []);
}

#[test]
fn a_route_in_the_way_of_a_new_one_is_named() {
    let add = |config: &str| {
        Node::new().amend::<RouteOverride>(config, &pod(), &ProposalState::bridged())
    };
    match add(r#"{"addroutes": [{"dst": "0.0.0.0/0", "gw": "10.1.0.9"}]}"#) {
        Err(Failure::Other(text)) => assert!(
            text.starts_with(
                "addroutes: the route to 0.0.0.0/0 through 10.1.0.9 can't be added, since there is one through 10.1.0.1"
            ),
            "{text}"
        ),
        other => panic!("{other:?}"),
    }
    for beside in [r#""priority": 5"#, r#""table": 100"#] {
        let config =
            format!(r#"{{"addroutes": [{{"dst": "0.0.0.0/0", "gw": "10.1.0.9", {beside}}}]}}"#);
        assert_eq!(add(&config).unwrap().len(), 1, "{beside}");
    }
}

#[test]
fn a_route_of_link_scope_gets_no_gateway() {
    let config = r#"{"gateway": "10.1.0.1", "addroutes": [{"dst": "10.7.0.0/16", "scope": 253}, {"dst": "10.6.0.0/16"}]}"#;
    assert_eq!(
        after(config, &ProposalState::bridged()),
        [DEFAULT_V4, "10.6.0.0/16 10.1.0.1", "10.7.0.0/16 link"]
    );
}

#[test]
fn gateway_turns_default_routes_and_keeps_their_other_settings() {
    let mut proposal = proposal();
    proposal.routes[0].mtu = Some(1300);
    assert_eq!(
        after(r#"{"gateway": "10.1.0.254"}"#, &proposal),
        sorted([
            "0.0.0.0/0 10.1.0.254 mtu 1300",
            DEFAULT_V6,
            ON_LINK,
            LINK_LOCAL,
            VIA_8,
            VIA_9,
            VIA_1,
            OTHER_TABLE
        ])
    );
    let both = r#"{"flushroutes": true, "gateway": ["fd00::fe", "10.1.0.254"],
        "addroutes": [{"dst": "10.7.0.0/16"}, {"dst": "fd01::/64"}]}"#;
    assert_eq!(
        after(both, &proposal),
        sorted([
            "0.0.0.0/0 10.1.0.254 mtu 1300",
            "10.7.0.0/16 10.1.0.254",
            "::/0 fd00::fe",
            "fd01::/64 fd00::fe",
            ON_LINK,
            LINK_LOCAL,
            OTHER_TABLE
        ])
    );
}

#[test]
fn gateway_makes_a_default_route_where_there_is_none_and_leaves_one_that_is_right() {
    let bare = ProposalState::new();
    assert_eq!(
        after(r#"{"gateway": "10.1.0.254"}"#, &bare),
        ["0.0.0.0/0 10.1.0.254"]
    );
    let changes = Node::new()
        .amend::<RouteOverride>(
            r#"{"gateway": "10.1.0.1"}"#,
            &pod(),
            &ProposalState::bridged(),
        )
        .unwrap();
    assert_eq!(changes, []);
}

#[test]
fn several_default_routes_all_turn() {
    let mut proposal = ProposalState::bridged();
    let mut second = proposal.routes[0].clone();
    second.priority = Some(9);
    proposal.routes.push(second);
    assert_eq!(
        after(r#"{"gateway": "10.1.0.254"}"#, &proposal),
        ["0.0.0.0/0 10.1.0.254", "0.0.0.0/0 10.1.0.254 priority 9"]
    );
}

#[test]
fn args_replace_what_the_configuration_says() {
    let config = r#"{"flushroutes": true, "delroutes": [{"dst": "10.8.0.0/16"}], "addroutes": [{"dst": "10.7.0.0/16"}],
        "args": {"cni": {"flushroutes": false, "flushgateway": true, "delroutes": [{"dst": "10.9.0.0/16"}],
            "addroutes": [], "labels": []}}}"#;
    assert_eq!(
        after(config, &proposal()),
        sorted([ON_LINK, LINK_LOCAL, OTHER_TABLE, VIA_8])
    );
}

#[test]
fn the_originals_configuration_is_read_whole() {
    let config = r#"{"cniVersion": "0.3.0", "name": "mymacvlan", "type": "route-override", "flushroutes": true,
        "delroutes": [{"dst": "192.168.0.0/24"}], "addroutes": [{"dst": "192.168.0.0/24", "gw": "10.1.254.254"}],
        "flushgateway": false, "skipcheck": true}"#;
    assert_eq!(
        after(config, &ProposalState::bridged()),
        ["192.168.0.0/24 10.1.254.254"]
    );
}

#[test]
fn wrong_configurations_are_refused_with_key_and_value() {
    let many: Vec<String> = (0..257)
        .map(|index| format!(r#"{{"dst": "10.{}.{}.0/24"}}"#, index / 256, index % 256))
        .collect();
    for (config, expected) in [
        (
            r#"{"flushRoutes": true}"#,
            "flushRoutes = true: unknown field",
        ),
        (
            r#"{"delroutes": [{"gw": "10.0.0.1"}]}"#,
            "delroutes[0]: missing field `dst`",
        ),
        (
            r#"{"addroutes": [{"dst": "10.0.0.1/8"}]}"#,
            "addroutes[0]: dst 10.0.0.1/8 has host bits set",
        ),
        (
            r#"{"addroutes": [{"dst": "10.0.0.0/8", "gw": "fd00::1"}]}"#,
            "addroutes[0] to 10.0.0.0/8: gw fd00::1 is of the other family",
        ),
        (
            r#"{"addroutes": [{"dst": "10.0.0.0/8"}, {"dst": "10.0.0.0/8", "gw": "10.1.0.1", "table": 254}]}"#,
            "addroutes[1] to 10.0.0.0/8: is there twice",
        ),
        (
            r#"{"gateway": "10.1.0.254", "addroutes": [{"dst": "0.0.0.0/0"}]}"#,
            "addroutes[0] to 0.0.0.0/0: gateway = 10.1.0.254 makes a default route already",
        ),
        (
            r#"{"gateway": ["10.1.0.254", "10.1.0.253"]}"#,
            "gateway: 10.1.0.254 and 10.1.0.253 are of one family",
        ),
        (
            r#"{"gateway": "10.1.0"}"#,
            r#"gateway = "10.1.0": is neither an IPv4 nor an IPv6 address"#,
        ),
        (
            r#"{"gateway": "0.0.0.0"}"#,
            r#"gateway = "0.0.0.0": is no address of a gateway"#,
        ),
        (r#"{"gateway": 5}"#, "gateway = 5: expected an address"),
        (
            r#"{"args": {"cni": {"flushroutes": "yes"}}}"#,
            r#"args.cni.flushroutes = "yes": expected a boolean"#,
        ),
        (
            &format!(r#"{{"addroutes": [{}]}}"#, many.join(",")),
            "addroutes has 257 routes; at most 256 are possible",
        ),
    ] {
        match RouteOverride::configure(config) {
            Err(Failure::InvalidConfig(text)) => {
                assert!(text.starts_with(expected), "{config}: {text}");
            }
            other => panic!("{config}: {other:?}"),
        }
    }
}
