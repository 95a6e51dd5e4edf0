//! Networks that several tenants share: quotas, pools, and other routes.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::{Conflist, Node, Outside, Pod, Snapshot};

use crate::{addresses, assert_nothing_left, lists, node};

const DENIED: u64 = 102;

fn of_pod(list: &Conflist, namespace: &str, name: &str) -> Conflist {
    list.arguments(&format!(
        "IgnoreUnknown=1;K8S_POD_NAMESPACE={namespace};K8S_POD_NAME={name};K8S_POD_INFRA_CONTAINER_ID=x"
    ))
}

#[test]
fn a_namespace_gets_as_many_attachments_as_its_quota_says() -> Result<()> {
    let node = node!();
    let quota = json!({"plugin": "quota", "maxAttachments": 1, "namespaces": {"big": 2}});
    let list = lists::chain("pods", lists::bridge("cni0", &["10.1.0.0/24"]), &[quota]);
    let pods: Vec<Pod<'_>> = ["a", "b", "c", "d"]
        .iter()
        .map(|name| node.pod(name))
        .collect::<Result<_>>()?;
    let small = |name: &str| of_pod(&list, "small", name);
    let big = |name: &str| of_pod(&list, "big", name);
    let first = small("web-1").add(&node, &pods[0])?;
    big("db-1").add(&node, &pods[1])?;
    big("db-2").add(&node, &pods[2])?;
    let before = Snapshot::take(&node)?;
    for (list, words) in [
        (small("web-2"), ["small", "web-2"]),
        (big("db-3"), ["big", "db-3"]),
    ] {
        let failure = list.refused(&node, &pods[3])?;
        assert_eq!(failure.code, DENIED, "{failure:?}");
        for word in words {
            ensure!(failure.text.contains(word), "{failure:?}");
        }
    }
    let nameless = list.refused(&node, &pods[3])?;
    ensure!(nameless.text.contains("K8S_POD_NAMESPACE"), "{nameless:?}");
    before.assert_unchanged(&node)?;
    small("web-1").del(&node, &pods[0], &first)?;
    small("web-2").add(&node, &pods[3]).map(drop)
}

#[test]
fn quotas_of_pods_that_come_at_once_are_not_exceeded() -> Result<()> {
    let node = node!();
    let quota = json!({"plugin": "quota", "maxAttachments": 3});
    let list = lists::chain("pods", lists::bridge("cni0", &["10.1.0.0/24"]), &[quota]);
    let pods: Vec<Pod<'_>> = (0..8)
        .map(|number| node.pod(&format!("pod{number}")))
        .collect::<Result<_>>()?;
    let list = of_pod(&list, "team", "web");
    std::thread::scope(|scope| {
        let node = &node;
        for pod in &pods {
            let list = &list;
            scope.spawn(move || list.add(node, pod).is_ok());
        }
    });
    let mut attached = 0;
    for pod in &pods {
        attached += u32::from(pod.has_link("eth0")?);
    }
    assert_eq!(attached, 3);
    Ok(())
}

/// A pool for each of two namespaces, and one for everybody else.
fn pools() -> Value {
    let mut link = lists::bridge("cni0", &[]);
    link["ipam"] = json!({
        "type": "wasm-cni", "plugin": "pool-by-namespace",
        "ranges": [[{"subnet": "10.1.0.0/16"}], [{"subnet": "fd00:1::/64"}]],
        "pools": {
            "gold": [{"subnet": "10.1.10.0/24"}, {"subnet": "fd00:1::10:0/112"}],
            "rest": [{"rangeStart": "10.1.20.1", "rangeEnd": "10.1.20.9"}, {"subnet": "fd00:1::20:0/112"}],
        },
        "namespaces": {"payments": "gold"}, "default": "rest", "sticky": "statefulset",
    });
    link
}

fn starts_with(result: &Value, beginnings: [&str; 2]) -> Result<()> {
    let given = addresses(result);
    for (address, beginning) in given.iter().zip(beginnings) {
        ensure!(address.starts_with(beginning), "{given:?}");
    }
    ensure!(given.len() == 2, "{given:?}");
    Ok(())
}

#[test]
fn the_namespace_decides_from_which_pool_the_addresses_are() -> Result<()> {
    let node = node!();
    let list = Conflist::new("pods", &[pools()]);
    let (rich, poor) = (node.pod("rich")?, node.pod("poor")?);
    let gold = of_pod(&list, "payments", "api");
    let rest = of_pod(&list, "blog", "wordpress");
    let results = [gold.add(&node, &rich)?, rest.add(&node, &poor)?];
    starts_with(&results[0], ["10.1.10.", "fd00:1::10:"])?;
    starts_with(&results[1], ["10.1.20.", "fd00:1::20:"])?;
    for address in addresses(&results[1]) {
        assert!(rich.reaches(&address)?);
    }
    gold.del(&node, &rich, &results[0])?;
    rest.del(&node, &poor, &results[1])?;
    assert_nothing_left(&node, &results)
}

#[test]
fn a_statefulsets_pod_gets_its_addresses_again() -> Result<()> {
    let node = node!();
    let list = Conflist::new("pods", &[pools()]);
    let web = of_pod(&list, "blog", "web-0");
    let other = of_pod(&list, "blog", "web-7d4b9c-x2x1z");
    let (first, second, third) = (node.pod("one")?, node.pod("two")?, node.pod("three")?);
    let result = web.add(&node, &first)?;
    web.del(&node, &first, &result)?;
    // Somebody else comes in between, and addresses go on in their order.
    other.add(&node, &second)?;
    let again = web.add(&node, &third)?;
    assert_eq!(addresses(&again), addresses(&result));
    Ok(())
}

fn default_gateway(pod: &Pod<'_>) -> Result<Option<String>> {
    let routes = pod.routes("-4")?;
    let default = routes.iter().find(|route| route["dst"] == "default");
    Ok(default.and_then(|route| route["gateway"].as_str().map(str::to_owned)))
}

fn has_route(pod: &Pod<'_>, destination: &str) -> Result<bool> {
    Ok(pod
        .routes("-4")?
        .iter()
        .any(|route| route["dst"] == destination))
}

fn with_routes(stage: Value) -> Conflist {
    let mut link = lists::bridge("cni0", &["10.1.0.0/24"]);
    link["ipam"]["routes"] = json!([{"dst": "0.0.0.0/0"}, {"dst": "172.16.0.0/12"}]);
    lists::chain("pods", link, &[stage])
}

fn routed(node: &Node, name: &str, stage: Value, look: fn(&Pod<'_>) -> Result<()>) -> Result<()> {
    let pod = node.pod(name)?;
    let list = with_routes(stage);
    let result = list.add(node, &pod)?;
    look(&pod)?;
    list.check(node, &pod, &result)?;
    list.del(node, &pod, &result)
}

#[test]
fn other_routes_than_ipam_gave_are_in_the_kernel() -> Result<()> {
    let node = node!();
    let _outside = Outside::connect(&node)?;
    let added = json!([{"dst": "198.51.100.0/24", "gw": "10.1.0.1"}]);
    let stage = json!({"plugin": "route-override", "flushgateway": true, "addroutes": added});
    routed(&node, "no-default", stage, |pod| {
        ensure!(default_gateway(pod)?.is_none() && !pod.reaches(Outside::IPV4).unwrap_or(true));
        ensure!(has_route(pod, "172.16.0.0/12")? && has_route(pod, "198.51.100.0/24")?);
        Ok(())
    })?;
    let stage = json!({"plugin": "route-override", "flushroutes": true, "addroutes": [{"dst": "192.0.2.0/24", "gw": "10.1.0.1"}]});
    routed(&node, "flushed", stage, |pod| {
        ensure!(default_gateway(pod)?.is_none() && !has_route(pod, "172.16.0.0/12")?);
        ensure!(pod.reaches(Outside::IPV4)?, "the route that was added");
        Ok(())
    })?;
    let stage = json!({"plugin": "route-override", "delroutes": [{"dst": "172.16.0.0/12"}]});
    routed(&node, "fewer", stage, |pod| {
        ensure!(!has_route(pod, "172.16.0.0/12")?);
        assert_eq!(default_gateway(pod)?.as_deref(), Some("10.1.0.1"));
        Ok(())
    })?;
    let stage = json!({"plugin": "route-override", "gateway": "10.1.0.9"});
    routed(&node, "other-router", stage, |pod| {
        assert_eq!(default_gateway(pod)?.as_deref(), Some("10.1.0.9"));
        Ok(())
    })
}

#[test]
fn routes_behind_the_reference_bridge_are_amended_and_come_back() -> Result<()> {
    let node = node!();
    let pod = node.pod("a")?;
    let stage = json!({"plugin": "route-override", "flushgateway": true, "addroutes": [{"dst": "198.51.100.0/24", "gw": "10.1.0.1"}]});
    let list = lists::entries(
        "pods",
        lists::reference_bridge("cni0", &["10.1.0.0/24"]),
        &[stage],
    );
    let result = list.add(&node, &pod)?;
    ensure!(default_gateway(&pod)?.is_none() && has_route(&pod, "198.51.100.0/24")?);
    list.check(&node, &pod, &result)?;
    list.del_entry(1, &node, &pod, &result)?;
    ensure!(default_gateway(&pod)?.is_some() && !has_route(&pod, "198.51.100.0/24")?);
    list.del(&node, &pod, &result)
}
