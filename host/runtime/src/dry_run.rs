//! What a network's list would do for an attachment, without kernel, store or privileges.
//!
//! The plugins run as they would in ADD, on leases and storage that are in memory and begin empty; the steps come from
//! the same functions. What can't be known so is assumed, and said:
//! - of the links that `prevResult` tells on the host, the first is the bridge and the last the host's end of the
//!   container's veth; a single one is the host's end;
//! - the container has no routing rules but those of earlier stages;
//! - Ethernet addresses, the group of the links and zones are made up, as they are in every ADD;
//! - an MTU that nobody sets is 1500;
//! - other vendors' executables are not run.

mod facts;
mod leases;
mod link;
mod previous;
mod services;
mod stage;
mod storage;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use cni::environment::Invocation;
use cni::request::{Add, Request};
use cni::result::CniResult;
use cni::role::Role;
use engine::Builtin;
use plan::{Attachment, InterfaceAddress, NetnsIdentity, Proposal, RefusedChange, StageName};
use serde_json::Value;

use crate::explain::{Entry, EntryRole, Part, Picture};
use crate::failure::Cause;
use crate::log::{Level, Log};
use crate::node::Node;
use crate::settings::Settings;
use crate::verbs;

use leases::MemoryLeases;
use services::Shared;
use storage::Stored;

/// A dry run of one attachment: its entries one after the other.
pub struct DryRun {
    node: Node,
    /// What another vendor's IPAM is taken to answer.
    given: Vec<InterfaceAddress>,
    stored: Shared<Stored>,
    /// What our IPAM holds for the attachment; None: another vendor's or nobody has given the addresses.
    leases: Option<Shared<MemoryLeases>>,
    made_bridge: bool,
    /// What the entries before have led to, which the kernel would tell.
    before: Proposal,
    /// The plugin that has flow rules.
    flows_of: Option<String>,
}

/// One entry of the list, as a runtime would call it.
#[derive(Debug, Clone, Copy)]
pub struct EntryCall<'a> {
    /// The last part of `argv[0]`.
    pub program: &'a OsStr,
    /// The variables, with `CNI_COMMAND=ADD`.
    pub variables: &'a [(OsString, OsString)],
    /// Standard input.
    pub stdin: &'a [u8],
    /// The entry's `type`.
    pub plugin_type: &'a str,
}

impl DryRun {
    /// A dry run with these plugins. `given` is what another vendor's IPAM is taken to answer.
    #[must_use]
    pub fn new(settings: Settings, builtin: Option<Builtin>, given: Vec<InterfaceAddress>) -> Self {
        // Nothing is done, so there is nothing to note.
        let log = Log::new(Path::new("/dev/null"), Level::Error);
        Self {
            node: Node::new(settings, log, builtin, Vec::new()),
            given,
            stored: Shared::default(),
            leases: None,
            made_bridge: false,
            before: Proposal::default(),
            flows_of: None,
        }
    }

    /// The entry's picture; without a result, later entries have nothing to work on.
    pub fn entry(&mut self, call: &EntryCall<'_>) -> Entry {
        let mut entry = Entry::new(call.plugin_type, apparent_role(call));
        match self.run(call, &mut entry) {
            Ok(result) => entry.result = result,
            Err(cause) => entry.failure = Some(cause.to_string()),
        }
        entry
    }

    fn run(&mut self, call: &EntryCall<'_>, entry: &mut Entry) -> Result<Option<Value>, Cause> {
        let Some(add) = parse(call)? else {
            return Ok(None);
        };
        let attachment = verbs::key(&add.attachment);
        entry.role = match add.call.role {
            Role::Link => EntryRole::Link,
            Role::Stage => EntryRole::Stage,
            Role::Ipam => EntryRole::Opaque,
        };
        let result = match add.call.role {
            Role::Link => self.link(call.program, &add, &attachment, entry)?,
            Role::Stage => self.stage(&add, &attachment, entry)?,
            Role::Ipam => return Ok(None),
        };
        Ok(Some(cni::convert::write(
            &result,
            add.call.config.cni_version,
        )?))
    }
}

/// The picture of all entries.
#[must_use]
pub fn picture(attachment: &Attachment, entries: Vec<Entry>) -> Picture {
    Picture::of(attachment, entries)
}

/// An entry of another vendor, which is not looked into; it is taken to hand on this result.
#[must_use]
pub fn opaque(plugin_type: &str, result: Option<Value>) -> Entry {
    let mut entry = Entry::new(plugin_type, EntryRole::Opaque);
    entry.notes.push(format!(
        "runs {plugin_type}, which is not looked into{}",
        if result.is_some() {
            ": its result is taken to be the one before it"
        } else {
            ""
        }
    ));
    entry.result = result;
    entry
}

fn parse(call: &EntryCall<'_>) -> Result<Option<Box<Add>>, Cause> {
    let variables = call.variables.iter().map(|(name, value)| (name, value));
    let request = |error: cni::error::Error| Cause::Request(Box::new(error));
    let invocation =
        Invocation::from_variables(variables).map_err(|error| request(error.into()))?;
    let Invocation::Call(environment) = invocation else {
        return Ok(None);
    };
    match Request::parse(call.program, &environment, call.stdin).map_err(request)? {
        Request::Add(add) => Ok(Some(add)),
        _ => Ok(None),
    }
}

/// What an entry seems to be, should it turn out to be wrong.
fn apparent_role(call: &EntryCall<'_>) -> EntryRole {
    let names_plugin = serde_json::from_slice::<Value>(call.stdin)
        .is_ok_and(|config| config.get("plugin").is_some_and(Value::is_string));
    if names_plugin {
        EntryRole::Stage
    } else {
        EntryRole::Link
    }
}

/// The container's namespace as undo would name it. Its cookie is known when it is there.
fn netns(add: &Add) -> NetnsIdentity {
    NetnsIdentity {
        cookie: 0,
        path: add.netns.to_string_lossy().into_owned(),
        nsid: None,
    }
}

/// Tells each refused change, and the whole what speaks against it.
fn refuse(entry: &mut Entry, parts: &mut [Part], refused: Vec<RefusedChange>) {
    for RefusedChange {
        stage,
        change,
        objection,
    } in refused
    {
        let why = objection.to_string();
        let changes = parts.get_mut(stage).map(|part| &mut part.changes);
        if let Some(asked_for) = changes.and_then(|changes| changes.get_mut(change)) {
            asked_for.refused = Some(why.clone());
        }
        entry.objections.push(why);
    }
}

fn name_part(mut part: Part, name: &StageName) -> Part {
    part.position = name.position;
    part
}

/// A result before anything is in it.
type Outcome = Result<CniResult, Cause>;
