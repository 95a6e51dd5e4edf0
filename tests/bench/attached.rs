use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use crate::call::{Answered, run, timed};
use crate::subject::{Forwarded, Kind, Plugin, Subject};

/// A container: a namespace of its own.
#[derive(Clone)]
pub(crate) struct Container {
    pub(crate) name: String,
    /// Decides which ports of the host it gets.
    number: u16,
}

impl Container {
    pub(crate) fn make(name: &str, number: u16) -> Result<Self> {
        run("ip", &["netns", "add", name])?;
        Ok(Self {
            name: name.to_owned(),
            number,
        })
    }

    pub(crate) fn delete(&self) -> Result<()> {
        run("ip", &["netns", "del", &self.name])
    }

    fn netns(&self) -> String {
        format!("/run/netns/{}", self.name)
    }

    fn ports(&self, forwarded: &Forwarded) -> Value {
        let first = 10_000 + self.number * forwarded.ports;
        (first..first + forwarded.ports)
            .map(|port| json!({"hostPort": port, "containerPort": 80, "protocol": forwarded.protocol}))
            .collect()
    }

    /// For the floor, which has no IPAM.
    fn address(&self) -> Ipv4Addr {
        let [high, low] = self.number.saturating_add(2).to_be_bytes();
        Ipv4Addr::new(10, 1, high, low)
    }

    /// Adds it to a network; tells how long that took, all plugins together.
    pub(crate) fn attach<'a>(&self, subject: &'a Subject) -> Result<Attached<'a>> {
        let mut attached = Attached {
            subject,
            container: self.clone(),
            result: Value::Null,
            took: Duration::ZERO,
            stderr: Vec::new(),
        };
        for plugin in &subject.plugins {
            let answered = attached.call("ADD", plugin)?;
            attached.took += answered.took;
            attached.stderr.push(answered.stderr);
            if subject.kind == Kind::Cni {
                attached.result = serde_json::from_slice(&answered.stdout)?;
            }
        }
        Ok(attached)
    }
}

/// A container on a network.
pub(crate) struct Attached<'a> {
    subject: &'a Subject,
    container: Container,
    /// What the last plugin answered.
    pub(crate) result: Value,
    /// How long ADD took, all plugins together.
    pub(crate) took: Duration,
    /// What each plugin wrote there.
    pub(crate) stderr: Vec<Vec<u8>>,
}

impl Attached<'_> {
    /// Plugins in reverse; tells how long that took.
    pub(crate) fn detach(&self) -> Result<Duration> {
        let mut all = Duration::ZERO;
        for plugin in self.subject.plugins.iter().rev() {
            all += self.call("DEL", plugin)?.took;
        }
        Ok(all)
    }

    fn call(&self, verb: &str, plugin: &Plugin) -> Result<Answered> {
        let mut config = plugin.config.clone();
        if let Some(config) = config.as_object_mut() {
            if let Some(forwarded) = &self.subject.forwarded {
                let ports = self.container.ports(forwarded);
                config.insert("runtimeConfig".into(), json!({ "portMappings": ports }));
            }
            if !self.result.is_null() {
                config.insert("prevResult".into(), self.result.clone());
            }
        }
        let mut command = Command::new(&plugin.executable);
        command
            .args(&plugin.arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("CNI_COMMAND", verb)
            .env("CNI_CONTAINERID", &self.container.name)
            .env("CNI_NETNS", self.container.netns())
            .env("CNI_IFNAME", "eth0")
            .env("CNI_PATH", &self.subject.path);
        if let Kind::Floor { bridge } = &self.subject.kind {
            command
                .env("FLOOR_BRIDGE", bridge)
                .env("FLOOR_ADDRESS", self.container.address().to_string())
                .env("FLOOR_GATEWAY", "10.1.0.1");
        }
        timed(&mut command, config.to_string().as_bytes())
    }
}
