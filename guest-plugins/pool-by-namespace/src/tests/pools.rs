use wasm_cni_guest::testing::Node;
use wasm_cni_guest::{AddressRequest, Attachment, Failure, Pod, RequestSource};

use super::{add, config, denied, of, pod};
use crate::PoolByNamespace;

#[test]
fn the_namespace_chooses_and_the_default_serves_the_rest() {
    let node = Node::new();
    let config = config(r#", "default": "common""#);
    assert_eq!(
        add(&node, &config, &pod("team-a", "1")).unwrap(),
        "10.1.0.10"
    );
    assert_eq!(
        add(&node, &config, &pod("other", "1")).unwrap(),
        "10.1.0.30"
    );
    assert_eq!(
        add(&node, &config, &pod("team-a", "2")).unwrap(),
        "10.1.0.11"
    );
    let nobody = Attachment::new("pods", "4f5e", "eth0");
    assert_eq!(add(&node, &config, &nobody).unwrap(), "10.1.0.31");
    match add(&node, &config, &pod("team-a", "3")) {
        Err(Failure::Exhausted(text)) => {
            let expected = "pool gold: no address is left in range set 10.1.0.10-10.1.0.11: 2 of 2";
            assert!(text.starts_with(expected), "{text}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_star_is_the_default() {
    let node = Node::new();
    let config = config("").replace(r#""team-a""#, r#""*": "silver", "team-a""#);
    assert_eq!(
        add(&node, &config, &pod("other", "1")).unwrap(),
        "10.1.0.20"
    );
    assert_eq!(
        add(&node, &config, &pod("team-a", "1")).unwrap(),
        "10.1.0.10"
    );
}

#[test]
fn who_has_no_pool_is_refused() {
    let node = Node::new();
    let text = denied(add(&node, &config(""), &pod("other", "1")));
    assert_eq!(
        text,
        "namespace \"other\" has no pool on network pods; name one in ipam.namespaces or ipam.default"
    );
    let nobody = Attachment::new("pods", "4f5e", "eth0");
    let text = denied(add(&node, &config(""), &nobody));
    assert!(
        text.starts_with("container 4f5e, whose namespace"),
        "{text}"
    );
}

#[test]
fn prefix_gateway_and_routes_are_the_ranges() {
    let config = config(r#", "default": "common", "routes": [{"dst": "0.0.0.0/0"}]"#);
    let answer = Node::new()
        .add::<PoolByNamespace>(&config, &pod("team-a", "1"), None)
        .unwrap();
    assert_eq!(answer.addresses[0].address.to_string(), "10.1.0.10/24");
    assert_eq!(answer.addresses[0].gateway, "10.1.0.254".parse().ok());
    assert_eq!(answer.routes[0].destination.to_string(), "0.0.0.0/0");
}

#[test]
fn an_annotation_names_a_pool_that_is_nobodys() {
    let node = Node::new();
    let pod = |namespace: &str, name: &str, key: &str, pool: &str| {
        of(Pod::new(namespace, name).annotated(key, pool))
    };
    let key = "wasm-cni/pool";
    let plain = config(r#", "default": "common""#);
    assert_eq!(
        add(&node, &plain, &pod("other", "1", key, "silver")).unwrap(),
        "10.1.0.20"
    );
    assert_eq!(
        add(&node, &plain, &pod("team-a", "1", key, "common")).unwrap(),
        "10.1.0.30"
    );
    assert_eq!(
        add(&node, &plain, &pod("team-a", "2", key, "gold")).unwrap(),
        "10.1.0.10"
    );
    let text = denied(add(&node, &plain, &pod("other", "2", key, "gold")));
    assert!(
        text.contains("pod other/2 names pool \"gold\", which is for other namespaces"),
        "{text}"
    );
    let text = denied(add(&node, &plain, &pod("other", "2", key, "tin")));
    assert!(
        text.ends_with("none of this network's: common, gold, silver"),
        "{text}"
    );

    let renamed = config(r#", "default": "common", "annotation": "example.org/pool""#);
    assert_eq!(
        add(&node, &renamed, &pod("other", "3", key, "tin")).unwrap(),
        "10.1.0.31"
    );
    let own = pod("other", "4", "example.org/pool", "silver");
    assert_eq!(add(&node, &renamed, &own).unwrap(), "10.1.0.21");

    let node = Node::new();
    let off = config(r#", "default": "common", "annotation": """#);
    assert_eq!(
        add(&node, &off, &pod("other", "1", key, "silver")).unwrap(),
        "10.1.0.30"
    );
}

#[test]
fn the_default_pool_is_everybodys_even_if_a_namespace_has_it() {
    let config = config(r#", "default": "gold""#);
    let own = of(Pod::new("other", "1").annotated("wasm-cni/pool", "gold"));
    assert_eq!(add(&Node::new(), &config, &own).unwrap(), "10.1.0.10");
}

#[test]
fn requested_addresses_must_be_of_the_pool() {
    let node = Node::new();
    let config = config(r#", "default": "common""#);
    let asking = |address: &str| {
        let request = AddressRequest::new(address.parse().unwrap(), RequestSource::Args);
        pod("team-a", "1").requesting(request)
    };
    let text = denied(add(&node, &config, &asking("10.1.0.30")));
    assert_eq!(
        text,
        "pool gold: requested address 10.1.0.30 (args.cni.ips) can't be handed out: of this range set only \
         10.1.0.10-10.1.0.11 is offered here"
    );
    assert_eq!(
        add(&node, &config, &asking("10.1.0.11")).unwrap(),
        "10.1.0.11"
    );
}

#[test]
fn a_repeated_add_answers_the_same_even_if_the_pool_changed() {
    let node = Node::new();
    let before = config(r#", "default": "common""#);
    let after = before.replace("team-a", "team-b");
    assert_eq!(
        add(&node, &before, &pod("team-a", "1")).unwrap(),
        "10.1.0.10"
    );
    assert_eq!(
        add(&node, &before, &pod("team-a", "1")).unwrap(),
        "10.1.0.10"
    );
    assert_eq!(
        add(&node, &after, &pod("team-a", "1")).unwrap(),
        "10.1.0.10"
    );
}

#[test]
fn both_families_come_from_the_pool() {
    let config = r#"{"ranges": [[{"subnet": "10.1.0.0/24"}, {"subnet": "10.2.0.0/24"}], [{"subnet": "fd00::/64"}]],
        "pools": {"a": [{"subnet": "fd00::a0/124"}, {"subnet": "10.2.0.0/24"}, {"subnet": "10.1.0.128/25"}]},
        "default": "a"}"#;
    let node = Node::new();
    assert_eq!(
        add(&node, config, &pod("x", "1")).unwrap(),
        "10.1.0.128 fd00::a0"
    );
    assert_eq!(
        add(&node, config, &pod("x", "2")).unwrap(),
        "10.1.0.129 fd00::a1"
    );
}

#[test]
fn status_is_exhausted_when_every_pool_is() {
    let node = Node::new();
    let config = config(r#", "default": "common""#);
    let annotated =
        |pool: &str, name: &str| of(Pod::new("team-a", name).annotated("wasm-cni/pool", pool));
    for pool in ["gold", "silver", "common"] {
        for name in ["1", "2"] {
            assert_eq!(node.status::<PoolByNamespace>(&config, "pods"), Ok(()));
            add(&node, &config, &annotated(pool, &format!("{pool}{name}"))).unwrap();
        }
    }
    match node.status::<PoolByNamespace>(&config, "pods") {
        Err(Failure::Exhausted(text)) => {
            for pool in ["gold", "silver", "common"] {
                assert!(
                    text.contains(&format!("pool {pool}: no address is left")),
                    "{text}"
                );
            }
        }
        other => panic!("{other:?}"),
    }
}
