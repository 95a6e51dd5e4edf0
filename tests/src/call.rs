use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::{BIN_DIR, Node, Outcome, Pod};

/// One call of a CNI executable, as a runtime makes it.
#[derive(Debug, Clone)]
pub struct CniCall<'a> {
    node: &'a Node,
    executable: String,
    environment: Vec<(String, String)>,
    input: Vec<u8>,
    seconds: String,
    host: Option<String>,
}

impl<'a> CniCall<'a> {
    /// A call of the executable of this name in [`BIN_DIR`], with nothing in its environment but `CNI_COMMAND` and
    /// `CNI_PATH`.
    #[must_use]
    pub fn new(node: &'a Node, executable: &str, verb: &str) -> Self {
        let call = Self {
            node,
            executable: format!("{BIN_DIR}/{executable}"),
            environment: Vec::new(),
            input: Vec::new(),
            seconds: "60".into(),
            host: None,
        };
        call.variable("CNI_COMMAND", verb)
            .variable("CNI_PATH", BIN_DIR)
    }

    /// Sets a variable, in place of an earlier value.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Takes a variable out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self
    }

    /// The pod's namespace, with its name as container id and `eth0` as interface.
    #[must_use]
    pub fn pod(self, pod: &Pod<'_>) -> Self {
        self.attachment(pod.name(), &pod.netns(), "eth0")
    }

    /// Container id, namespace path and interface name.
    #[must_use]
    pub fn attachment(self, container_id: &str, netns: &str, interface: &str) -> Self {
        self.variable("CNI_CONTAINERID", container_id)
            .variable("CNI_NETNS", netns)
            .variable("CNI_IFNAME", interface)
    }

    /// The configuration on standard input.
    #[must_use]
    pub fn config(self, config: &Value) -> Self {
        self.input(config.to_string())
    }

    /// Any bytes on standard input.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// A runtime whose host's network namespace is this one, on the same file systems.
    #[must_use]
    pub fn on_host(mut self, host: &Pod<'_>) -> Self {
        self.host = Some(host.netns());
        self
    }

    /// Kills it (SIGKILL) after so many seconds; may be a fraction. Otherwise it has a minute.
    #[must_use]
    pub fn killed_after(mut self, seconds: f64) -> Self {
        self.seconds = seconds.to_string();
        self
    }

    /// Kills it (SIGKILL) before the effect of this number, 1 for the first, where [`Node::arm_fault_points`] was called.
    #[must_use]
    pub fn killed_at(self, point: u32) -> Self {
        self.variable("WASM_CNI_FAULT_POINT", &point.to_string())
    }

    /// Makes the call.
    ///
    /// # Errors
    /// When the executable can't be started.
    pub fn run(&self) -> Result<Reply> {
        let enter = self.host.as_ref().map(|netns| format!("--net={netns}"));
        let mut argv: Vec<&str> = Vec::new();
        if let Some(enter) = &enter {
            argv.extend(["nsenter", enter, "--"]);
        }
        argv.push(&self.executable);
        let mut command = self.node.command_within(&self.seconds, &argv);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Outcome::of(&mut command, &self.input).map(Reply)
    }

    /// Makes a call that must succeed; the result that it prints, Null when it prints none.
    ///
    /// # Errors
    /// When it fails.
    pub fn succeed(&self) -> Result<Value> {
        self.run()?
            .result()
            .with_context(|| format!("{:?}", self.environment))
    }

    /// Makes a call that must fail; the error object that it prints.
    ///
    /// # Errors
    /// When it succeeds, or fails in another way than the specification demands.
    pub fn fail(&self) -> Result<CniFailure> {
        self.run()?
            .failure()
            .with_context(|| format!("{:?}", self.environment))
    }
}

/// What a call answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply(pub Outcome);

/// The error object that a call printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CniFailure {
    /// Its code.
    pub code: u64,
    /// `msg` and `details`.
    pub text: String,
    /// `details` alone: what to do.
    pub details: String,
}

impl Reply {
    /// What it was about to do when it was killed at a fault point; None: it came to its end.
    #[must_use]
    pub fn killed_before(&self) -> Option<&str> {
        if self.0.success() {
            return None;
        }
        // Where another vendor's plugin called it, that one may hand its words on as JSON.
        let told = [&self.0.stderr, &self.0.stdout]
            .into_iter()
            .find_map(|text| Some(text.split_once("killed before ")?.1))?;
        told.split(['\n', '\\', '"']).next()
    }

    /// The printed result, Null when nothing was printed.
    ///
    /// # Errors
    /// When the call failed or printed something else.
    pub fn result(self) -> Result<Value> {
        let text = self.0.output()?;
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| text)
    }

    /// The printed error object.
    ///
    /// # Errors
    /// When the call succeeded, panicked, or printed no error object with `cniVersion`, `code` and `msg`.
    pub fn failure(self) -> Result<CniFailure> {
        let stdout = self.0.stdout.clone();
        let failure = self.error()?;
        let object: Value = serde_json::from_str(&stdout)?;
        ensure!(object["cniVersion"].is_string(), "no cniVersion: {stdout}");
        Ok(failure)
    }

    /// The printed error object, which may lack `cniVersion`: the reference library prints none.
    ///
    /// # Errors
    /// When the call succeeded, panicked, or printed no error object with `code` and `msg`.
    pub fn error(self) -> Result<CniFailure> {
        let Outcome {
            status,
            stdout,
            stderr,
        } = self.0;
        ensure!(status != Some(0), "the call succeeded: {stdout}");
        ensure!(!stderr.contains("panic"), "a panic: {stderr}");
        let Some(exit) = status else {
            bail!("ended by a signal: {stdout}{stderr}")
        };
        ensure!(
            exit < 128,
            "exit status {exit}, as after a signal: {stdout}{stderr}"
        );
        let object: Value = serde_json::from_str(&stdout)
            .with_context(|| format!("not an error object: {stdout:?}; stderr: {stderr}"))?;
        let code = object["code"]
            .as_u64()
            .with_context(|| format!("no code: {stdout}"))?;
        let message = object["msg"]
            .as_str()
            .with_context(|| format!("no msg: {stdout}"))?;
        let details = object["details"].as_str().unwrap_or_default();
        Ok(CniFailure {
            code,
            text: format!("{message} {details}"),
            details: details.into(),
        })
    }
}
