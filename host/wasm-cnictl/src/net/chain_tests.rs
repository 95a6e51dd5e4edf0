use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cni::ids::{ContainerId, InterfaceName};

use super::*;

/// Plugins that write down how they were called.
struct Node {
    directory: tempfile::TempDir,
    container_id: ContainerId,
    interface_name: InterfaceName,
    path: SearchPath,
}

impl Node {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = SearchPath::parse(directory.path().to_str().unwrap());
        Self {
            container_id: "c1".parse().unwrap(),
            interface_name: "eth0".parse().unwrap(),
            directory,
            path,
        }
    }

    /// A plugin that logs `VERB name` and keeps its standard input in `name.VERB`, then runs
    /// `script`.
    fn plugin(&self, name: &str, script: &str) -> &Self {
        let here = self.directory.path().display();
        let text = format!(
            "#!/bin/sh\necho \"$CNI_COMMAND {name}\" >> {here}/log\n\
             cat > \"{here}/{name}.$CNI_COMMAND\"\n{script}\n"
        );
        let file = self.directory.path().join(name);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// A plugin that answers ADD with an address.
    fn adding(&self, name: &str, address: &str) -> &Self {
        self.plugin(
            name,
            &format!(
                "[ \"$CNI_COMMAND\" != ADD ] || echo '{{\"ips\":[{{\"address\":\"{address}\"}}]}}'"
            ),
        )
    }

    fn log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn request(&self, name: &str, verb: &str) -> Value {
        let text = fs::read(self.directory.path().join(format!("{name}.{verb}"))).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    fn chain<'a>(&'a self, network: &'a Network) -> Chain<'a> {
        let variables = Variables {
            attachment: Some((&self.container_id, &self.interface_name)),
            netns: Some(Path::new("/run/netns/x")),
            arguments: Some("IgnoreUnknown=1"),
        };
        Chain {
            network,
            path: &self.path,
            variables,
            additions: Additions::default(),
        }
    }
}

fn network(version: &str, plugins: &[&str]) -> Network {
    let plugins: Vec<Value> = plugins.iter().map(|name| json!({"type": name})).collect();
    Network::from_json(json!({"cniVersion": version, "name": "pods", "plugins": plugins})).unwrap()
}

#[test]
fn add_goes_forward_and_hands_results_on() {
    let node = Node::new();
    node.adding("a", "10.0.0.1/24").adding("b", "10.0.0.2/24");
    let network = network("1.0.0", &["a", "b"]);
    let result = node.chain(&network).add().unwrap();
    assert_eq!(node.log(), ["ADD a", "ADD b"]);
    assert_eq!(node.request("a", "ADD").get("prevResult"), None);
    let first = json!({"cniVersion": "1.0.0", "ips": [{"address": "10.0.0.1/24"}]});
    assert_eq!(node.request("b", "ADD")["prevResult"], first);
    assert_eq!(
        result,
        json!({"cniVersion": "1.0.0", "ips": [{"address": "10.0.0.2/24"}]})
    );
}

#[test]
fn a_failed_add_is_taken_back_over_the_whole_chain() {
    let node = Node::new();
    node.adding("a", "10.0.0.1/24")
        .adding("c", "10.0.0.3/24")
        .plugin(
            "b",
            r#"if [ "$CNI_COMMAND" = ADD ]; then
             echo '{"code":100,"msg":"no addresses\u001b[2J left","details":"10.0.0.0/24"}'; exit 1
           fi"#,
        );
    let network = network("1.0.0", &["a", "b", "c"]);
    let error = node.chain(&network).add().unwrap_err();
    assert_eq!(node.log(), ["ADD a", "ADD b", "DEL c", "DEL b", "DEL a"]);
    assert!(error.left_over.is_empty());
    assert_eq!(error.failure.object().unwrap().code.number(), 100);
    let text = error.failure.to_string();
    assert!(
        text.contains("plugin b") && text.contains("code 100"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "{text}");
    let reached = json!({"cniVersion": "1.0.0", "ips": [{"address": "10.0.0.1/24"}]});
    assert_eq!(node.request("a", "DEL")["prevResult"], reached);
}

#[test]
fn taking_back_goes_past_a_plugin_that_is_missing() {
    let node = Node::new();
    node.adding("a", "10.0.0.1/24");
    let network = network("1.0.0", &["a", "missing"]);
    let error = node.chain(&network).add().unwrap_err();
    assert_eq!(node.log(), ["ADD a", "DEL a"]);
    assert!(
        error.left_over.is_empty(),
        "what never ran has left nothing"
    );
    assert!(
        error.failure.to_string().contains("--cni-path"),
        "{}",
        error.failure
    );
}

#[test]
fn what_can_not_be_taken_back_is_told() {
    let node = Node::new();
    node.plugin("a", "[ \"$CNI_COMMAND\" = ADD ] && echo '{}'")
        .plugin("b", "[ \"$CNI_COMMAND\" = DEL ]");
    let network = network("1.0.0", &["a", "b"]);
    let error = node.chain(&network).add().unwrap_err();
    assert_eq!(error.left_over.len(), 1);
    assert_eq!(error.left_over[0].plugin.as_str(), "a");
}

#[test]
fn del_goes_backward_and_stops_at_the_first_failure() {
    let node = Node::new();
    node.plugin("a", "")
        .plugin("b", "echo oops >&2; exit 3")
        .plugin("c", "");
    let network = network("1.0.0", &["a", "b", "c"]);
    let final_result = json!({"cniVersion": "1.0.0"});
    let error = node
        .chain(&network)
        .del(Some(&final_result), false)
        .unwrap_err();
    assert_eq!(node.log(), ["DEL c", "DEL b"]);
    assert_eq!(error.not_called, ["a"]);
    assert!(
        error.failures[0].to_string().contains("oops"),
        "{}",
        error.failures[0]
    );
    assert_eq!(node.request("c", "DEL")["prevResult"], final_result);
}

#[test]
fn del_of_old_versions_has_no_previous_result() {
    let node = Node::new();
    node.plugin("a", "");
    let network = network("0.3.1", &["a"]);
    node.chain(&network)
        .del(Some(&json!({"cniVersion": "0.3.1"})), false)
        .unwrap();
    assert_eq!(node.request("a", "DEL").get("prevResult"), None);
}

#[test]
fn check_goes_forward_with_the_final_result_and_stops() {
    let node = Node::new();
    node.plugin("a", "").plugin("b", "exit 1").plugin("c", "");
    let network = network("1.0.0", &["a", "b", "c"]);
    let final_result = json!({"cniVersion": "1.0.0", "ips": []});
    assert!(node.chain(&network).check(&final_result).is_err());
    assert_eq!(node.log(), ["CHECK a", "CHECK b"]);
    assert_eq!(node.request("b", "CHECK")["prevResult"], final_result);
}

#[test]
fn gc_goes_on_past_failures_with_the_list() {
    let node = Node::new();
    node.plugin("a", "exit 1").plugin("b", "");
    let network = network("1.1.0", &["a", "b"]);
    let valid = ValidAttachment {
        container_id: node.container_id.clone(),
        interface_name: node.interface_name.clone(),
    };
    let chain = Chain {
        variables: Variables::default(),
        ..node.chain(&network)
    };
    assert_eq!(chain.gc(std::slice::from_ref(&valid)).len(), 1);
    assert_eq!(node.log(), ["GC a", "GC b"]);
    assert_eq!(
        node.request("b", "GC")["cni.dev/valid-attachments"],
        json!([{"containerID": "c1", "ifname": "eth0"}])
    );
}

#[test]
fn status_asks_every_plugin() {
    let node = Node::new();
    node.plugin("a", r#"echo '{"code":50,"msg":"full"}'; exit 1"#)
        .plugin("b", "");
    let network = network("1.1.0", &["a", "b"]);
    let states = node.chain(&network).status();
    assert_eq!(states.len(), 2);
    assert_eq!(
        states[0]
            .1
            .as_ref()
            .unwrap()
            .object()
            .unwrap()
            .code
            .number(),
        50
    );
    assert!(states[1].1.is_none());
}

#[test]
fn the_environment_is_the_specifications() {
    let node = Node::new();
    node.plugin(
        "a",
        r#"[ "$CNI_CONTAINERID/$CNI_IFNAME" = c1/eth0 ] && [ "$CNI_NETNS" = /run/netns/x ] &&
           [ "$CNI_ARGS" = IgnoreUnknown=1 ] && [ "$CNI_PATH" = "$(dirname "$0")" ] || exit 9
           echo '{"cniVersion":"1.0.0"}'"#,
    );
    let network = network("1.0.0", &["a"]);
    assert!(node.chain(&network).add().is_ok());
}

#[test]
fn an_answer_that_is_no_result_fails_the_add() {
    for answer in ["", "[]", "hello", "null"] {
        let node = Node::new();
        node.plugin(
            "a",
            &format!("[ \"$CNI_COMMAND\" != ADD ] || echo '{answer}'"),
        );
        let network = network("1.0.0", &["a"]);
        let error = node.chain(&network).add().unwrap_err();
        assert!(
            error.failure.to_string().contains("no result"),
            "{answer}: {}",
            error.failure
        );
        assert_eq!(node.log(), ["ADD a", "DEL a"]);
    }
}

#[test]
fn endless_output_is_cut_off() {
    let node = Node::new();
    node.plugin("a", "[ \"$CNI_COMMAND\" != CHECK ] || exec yes");
    let network = network("1.0.0", &["a"]);
    let failure = node.chain(&network).check(&json!({})).unwrap_err();
    assert!(
        matches!(failure.cause, Cause::TooMuchOutput { .. }),
        "{failure}"
    );
}
