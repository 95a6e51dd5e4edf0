//! Addresses and ranges that the caller of the plugin `host-local` asks for.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_cni_tests::Node;

use crate::case::{Case, case, group};
use crate::host_local::{add, call, container, network, refused};
use crate::judge::{addresses, equal, same};
use crate::lists::{host_local, merged};

pub(crate) fn cases() -> Vec<Case> {
    group(
        "host-local",
        &[],
        [
            case!(an_address_of_cni_args),
            case!(an_address_of_args),
            case!(addresses_of_the_runtime),
            case!(an_address_with_prefix_length),
            case!(an_address_outside_all_ranges_is_refused),
            case!(the_gateway_is_refused),
            case!(an_address_that_another_has_is_refused),
            case!(a_refused_request_keeps_nothing),
            case!(ranges_of_the_runtime_come_first),
            case!(ranges_of_the_runtime_alone),
        ]
        .map(|case| case.after(container)),
    )
}

fn dual() -> Value {
    network(&host_local(&["10.1.0.0/24", "fd00:1::/64"]))
}

fn of_runtime(ips: &Value) -> Value {
    merged(&dual(), &json!({"runtimeConfig": {"ips": ips}}))
}

fn an_address_of_cni_args(node: &Node) -> Result<()> {
    let result = call(node, "ADD", &dual(), "a")
        .variable("CNI_ARGS", "IP=10.1.0.77")
        .succeed()?;
    equal(
        "addresses",
        addresses(&result),
        ["10.1.0.77/24", "fd00:1::2/64"],
    )
}

fn an_address_of_args(node: &Node) -> Result<()> {
    let config = merged(
        &dual(),
        &json!({"args": {"cni": {"ips": ["10.1.0.78", "fd00:1::78"]}}}),
    );
    equal(
        "addresses",
        addresses(&add(node, &config, "a")?),
        ["10.1.0.78/24", "fd00:1::78/64"],
    )
}

fn addresses_of_the_runtime(node: &Node) -> Result<()> {
    let config = of_runtime(&json!(["fd00:1::79", "10.1.0.79"]));
    equal(
        "addresses",
        addresses(&add(node, &config, "a")?),
        ["10.1.0.79/24", "fd00:1::79/64"],
    )
}

fn an_address_with_prefix_length(node: &Node) -> Result<()> {
    let config = of_runtime(&json!(["10.1.0.80/24"]));
    equal(
        "address",
        &addresses(&add(node, &config, "a")?)[0],
        "10.1.0.80/24",
    )
}

fn an_address_outside_all_ranges_is_refused(node: &Node) -> Result<()> {
    refused(node, &of_runtime(&json!(["192.0.2.9"])), "a").map(drop)
}

fn the_gateway_is_refused(node: &Node) -> Result<()> {
    refused(node, &of_runtime(&json!(["10.1.0.1"])), "a").map(drop)
}

fn an_address_that_another_has_is_refused(node: &Node) -> Result<()> {
    let config = of_runtime(&json!(["10.1.0.81"]));
    add(node, &config, "a")?;
    let error = refused(node, &config, "b")?;
    ensure!(error.text.contains("10.1.0.81"), "{}", error.text);
    call(node, "DEL", &config, "b").succeed()?;
    // The first one's is its own still.
    refused(node, &config, "c").map(drop)
}

fn a_refused_request_keeps_nothing(node: &Node) -> Result<()> {
    let small = network(&host_local(&["10.1.0.0/30"]));
    refused(
        node,
        &merged(&small, &json!({"runtimeConfig": {"ips": ["192.0.2.9"]}})),
        "a",
    )?;
    add(node, &small, "b").context("the only address").map(drop)
}

fn ranges_of_the_runtime_come_first(node: &Node) -> Result<()> {
    let ranges = json!([[{"subnet": "10.7.0.0/24", "gateway": "10.7.0.9"}]]);
    let config = merged(
        &network(&host_local(&["10.1.0.0/24"])),
        &json!({"runtimeConfig": {"ipRanges": ranges}}),
    );
    let result = add(node, &config, "a")?;
    equal(
        "addresses",
        addresses(&result),
        ["10.7.0.1/24", "10.1.0.2/24"],
    )?;
    same("gateway", &result["ips"][0]["gateway"], "10.7.0.9")
}

fn ranges_of_the_runtime_alone(node: &Node) -> Result<()> {
    let ranges = json!([[{"subnet": "10.7.0.0/24"}]]);
    let config = merged(
        &network(&json!({"type": "host-local"})),
        &json!({"runtimeConfig": {"ipRanges": ranges}}),
    );
    equal(
        "addresses",
        addresses(&add(node, &config, "a")?),
        ["10.7.0.2/24"],
    )
}
