//! Which addresses the plugin `static` gives, called as an interface plugin calls it.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::Node;

use crate::case::{Case, case, group};
use crate::host_local::{add, call, container, network, refused};
use crate::judge::{addresses, equal, same};
use crate::lists::merged;

pub(crate) fn cases() -> Vec<Case> {
    group(
        "static",
        &[],
        [
            case!(addresses_routes_and_dns_of_the_config),
            case!(addresses_of_cni_args_are_added),
            case!(a_gateway_of_cni_args),
            case!(addresses_of_args_replace),
            case!(addresses_of_the_runtime_replace_all),
            case!(an_address_without_prefix_length_is_refused),
            case!(del_may_repeat),
            case!(check_of_what_was_given),
            // What a later plugin changed in the result is that plugin's.
            case!(check_notices_another_gateway),
        ]
        .map(|case| case.after(container)),
    )
}

fn fixed(keys: &Value) -> Value {
    let ipam = json!({"type": "static", "addresses": [
        {"address": "10.1.0.5/24", "gateway": "10.1.0.254"}, {"address": "fd00:1::5/64"},
    ]});
    merged(&network(&ipam), keys)
}

fn addresses_routes_and_dns_of_the_config(node: &Node) -> Result<()> {
    let routes = json!([{"dst": "0.0.0.0/0"}, {"dst": "192.0.2.0/24", "gw": "10.1.0.7"}]);
    let dns =
        json!({"nameservers": ["192.0.2.53"], "domain": "example.org", "search": ["example.org"]});
    let mut config = fixed(&json!({}));
    config["ipam"]["routes"] = routes.clone();
    config["ipam"]["dns"] = dns.clone();
    let result = add(node, &config, "a")?;
    let expected =
        json!([{"address": "10.1.0.5/24", "gateway": "10.1.0.254"}, {"address": "fd00:1::5/64"}]);
    same("ips", &result["ips"], expected)?;
    same("routes", &result["routes"], routes)?;
    same("dns", &result["dns"], dns)?;
    ensure!(result["interfaces"].is_null(), "interfaces: {result}");
    Ok(())
}

fn with_arguments(node: &Node, config: &Value, arguments: &str) -> Result<Value> {
    call(node, "ADD", config, "a")
        .variable("CNI_ARGS", arguments)
        .succeed()
}

fn addresses_of_cni_args_are_added(node: &Node) -> Result<()> {
    let result = with_arguments(node, &fixed(&json!({})), "IP=10.1.0.6/24,fd00:1::6/64")?;
    let expected = ["10.1.0.5/24", "fd00:1::5/64", "10.1.0.6/24", "fd00:1::6/64"];
    equal("addresses", addresses(&result), expected)
}

fn a_gateway_of_cni_args(node: &Node) -> Result<()> {
    let none = network(&json!({"type": "static"}));
    let result = with_arguments(node, &none, "IP=10.1.0.6/24;GATEWAY=10.1.0.1")?;
    same(
        "ips",
        &result["ips"],
        json!([{"address": "10.1.0.6/24", "gateway": "10.1.0.1"}]),
    )
}

fn addresses_of_args_replace(node: &Node) -> Result<()> {
    let config = fixed(&json!({"args": {"cni": {"ips": ["10.1.0.7/24"]}}}));
    equal(
        "addresses",
        addresses(&add(node, &config, "a")?),
        ["10.1.0.7/24"],
    )
}

fn addresses_of_the_runtime_replace_all(node: &Node) -> Result<()> {
    let config = fixed(&json!({
        "args": {"cni": {"ips": ["10.1.0.7/24"]}}, "runtimeConfig": {"ips": ["10.1.0.8/24", "fd00:1::8/64"]},
    }));
    let result = with_arguments(node, &config, "IP=10.1.0.6/24")?;
    equal(
        "addresses",
        addresses(&result),
        ["10.1.0.8/24", "fd00:1::8/64"],
    )
}

fn an_address_without_prefix_length_is_refused(node: &Node) -> Result<()> {
    // One that the caller asks for may take the length from the configuration.
    let config = network(&json!({"type": "static", "addresses": [{"address": "10.1.0.5"}]}));
    refused(node, &config, "a").map(drop)
}

fn del_may_repeat(node: &Node) -> Result<()> {
    let config = fixed(&json!({}));
    for _ in 0..2 {
        add(node, &config, "a")?;
        for _ in 0..2 {
            call(node, "DEL", &config, "a")
                .variable("CNI_NETNS", "")
                .succeed()?;
        }
    }
    Ok(())
}

fn check_of_what_was_given(node: &Node) -> Result<()> {
    let config = fixed(&json!({}));
    let result = add(node, &config, "a")?;
    call(
        node,
        "CHECK",
        &merged(&config, &json!({"prevResult": result})),
        "a",
    )
    .succeed()
    .map(drop)
}

fn check_notices_another_gateway(node: &Node) -> Result<()> {
    let config = fixed(&json!({}));
    let mut result = add(node, &config, "a")?;
    result["ips"][0]["gateway"] = json!("10.1.0.253");
    call(
        node,
        "CHECK",
        &merged(&config, &json!({"prevResult": result})),
        "a",
    )
    .run()?
    .error()
    .map(drop)
}
