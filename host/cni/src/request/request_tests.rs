use super::*;
use crate::address_request::RequestSource;
use crate::environment::Invocation;
use crate::error::Code;
use serde_json::{Value, json};

const ATTACHMENT: [(&str, &str); 3] = [
    ("CNI_CONTAINERID", "c1"),
    ("CNI_NETNS", "/var/run/netns/x"),
    ("CNI_IFNAME", "eth0"),
];

fn request(verb: &str, extra: &[(&str, &str)], stdin: &Value) -> Result<Request, Error> {
    let variables = [("CNI_COMMAND", verb)].into_iter().chain(ATTACHMENT);
    let all = variables.chain(extra.iter().copied());
    match Invocation::from_variables(all)? {
        Invocation::Call(environment) => Request::parse(
            OsStr::new("wasm-cni"),
            &environment,
            stdin.to_string().as_bytes(),
        ),
        Invocation::About => panic!("no verb"),
    }
}

fn link() -> Value {
    json!({"cniVersion": "1.1.0", "name": "pods", "type": "wasm-cni", "link": {"kind": "bridge"}})
}

#[test]
fn an_add_gathers_what_the_caller_asks_for() {
    let mut config = link();
    config["runtimeConfig"] = json!({
        "ips": ["10.0.0.5"],
        "io.kubernetes.cri.pod-annotations": {"team": "a"}
    });
    let args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=web;MAC=02:00:00:00:00:01";
    let extra = [("CNI_ARGS", args), ("CNI_PATH", "/opt/cni/bin")];
    let Request::Add(add) = request("ADD", &extra, &config).unwrap() else {
        panic!("another verb");
    };
    assert_eq!(add.attachment.to_string(), "pods/c1/eth0");
    assert_eq!(add.addresses[0].source, RequestSource::RuntimeConfig);
    assert_eq!(add.mac.unwrap().source, RequestSource::CniArgs);
    let pod = add.pod.unwrap();
    assert_eq!(
        (pod.namespace.as_deref(), pod.name.as_deref()),
        (Some("ns"), Some("web"))
    );
    assert_eq!(pod.annotations["team"], "a");
    assert_eq!(add.call.search_path, [PathBuf::from("/opt/cni/bin")]);
    assert_eq!(add.call.role, Role::Link);
}

#[test]
fn a_del_goes_on_with_a_config_that_has_become_wrong() {
    let config = json!({"cniVersion": "1.0.0", "name": "pods", "type": "wasm-cni", "chain": 5,
        "ipam": {"type": "wasm-cni", "plugin": "a", "ranges": 5}, "prevResult": "odd",
        "runtimeConfig": {"portMappings": "odd", "mac": "odd"}});
    let extra = [("CNI_NETNS", ""), ("CNI_ARGS", "nonsense")];
    let Request::Del(del) = request("DEL", &extra, &config).unwrap() else {
        panic!("another verb");
    };
    assert_eq!(del.netns, None);
    assert_eq!(del.call.role, Role::Link);
    assert!(del.call.config.previous_result.is_none());
    // chain, ipam.ranges, prevResult, portMappings, no role, CNI_ARGS
    assert_eq!(del.problems.len(), 6, "{:?}", del.problems);
}

#[test]
fn a_check_carries_the_final_result() {
    let mut config = link();
    let error = request("CHECK", &[], &config).unwrap_err();
    assert_eq!(error.code(), Code::INVALID_NETWORK_CONFIG);
    config["prevResult"] = json!({"cniVersion": "1.1.0", "interfaces": [{"name": "eth0"}],
        "ips": [{"address": "10.0.0.5/24", "interface": 0}]});
    let Request::Check(check) = request("CHECK", &[], &config).unwrap() else {
        panic!("another verb");
    };
    assert_eq!(check.previous_result.result.ips[0].interface, Some(0));
    assert_eq!(check.previous_result.raw, config["prevResult"]);
}

#[test]
fn a_gc_without_the_list_is_refused_and_with_an_empty_one_is_not() {
    let mut config = link();
    let error = request("GC", &[], &config).unwrap_err();
    assert_eq!(error.code(), Code::INVALID_NETWORK_CONFIG);
    assert!(error.to_string().contains("cni.dev/valid-attachments"));
    config["cni.dev/valid-attachments"] = json!([]);
    assert!(matches!(request("GC", &[], &config), Ok(Request::Gc(gc)) if gc.valid.is_empty()));
}

#[test]
fn all_problems_of_a_config_are_reported_at_once() {
    let mut config = link();
    config["dns"] = json!(5);
    config["chain"] = json!([{}]);
    let object = request("ADD", &[], &config)
        .unwrap_err()
        .to_object(crate::version::SpecVersion::LATEST);
    assert_eq!(object.code, Code::INVALID_NETWORK_CONFIG);
    let text = format!("{} {}", object.message, object.details);
    assert!(
        text.contains("\"dns\"") && text.contains("chain[0].plugin"),
        "{text}"
    );
}

#[test]
fn checks_come_in_the_reference_librarys_order() {
    let bad = [("CNI_CONTAINERID", "-"), ("CNI_IFNAME", "a/b")];
    let code =
        |config: Value, extra: &[(&str, &str)]| request("ADD", extra, &config).unwrap_err().code();
    let name = json!({"name": "-", "cniVersion": "9.0.0"});
    assert_eq!(code(name, &bad), Code::INVALID_NETWORK_CONFIG);
    let version = json!({"name": "n", "cniVersion": "9.0.0", "link": 5});
    assert_eq!(code(version.clone(), &bad), Code::INVALID_ENVIRONMENT);
    assert_eq!(code(version, &[]), Code::INCOMPATIBLE_VERSION);
}

#[test]
fn the_netns_override_is_handed_on() {
    let extra = [("CNI_NETNS_OVERRIDE", "1")];
    assert!(matches!(request("ADD", &extra, &link()), Ok(Request::Add(a)) if a.netns_override));
    assert!(matches!(request("ADD", &[], &link()), Ok(Request::Add(a)) if !a.netns_override));
}
