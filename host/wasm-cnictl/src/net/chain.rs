//! Running a network's plugins one after the other, as the reference library does.

use cni::attachment::ValidAttachment;
use cni::ids::PluginType;
use cni::verb::Verb;
use serde_json::{Value, json};

use super::conflist::{Network, Plugin};
use super::exec::{self, SearchPath, Variables};
use super::failure::{Cause, PluginFailure};
use super::request::{self, Additions};

/// A network with what all its calls have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chain<'a> {
    /// The network.
    pub(crate) network: &'a Network,
    /// Where its plugins are.
    pub(crate) path: &'a SearchPath,
    /// The attachment's variables; empty on GC and STATUS.
    pub(crate) variables: Variables<'a>,
    /// What is added to each request besides `prevResult`.
    pub(crate) additions: Additions<'a>,
}

/// An ADD that failed, and how taking it back went.
#[derive(Debug)]
pub(crate) struct AddFailure {
    /// Why it failed.
    pub(crate) failure: PluginFailure,
    /// What taking it back could not do; empty when nothing is left.
    pub(crate) left_over: Vec<PluginFailure>,
}

/// A DEL that stopped.
#[derive(Debug)]
pub(crate) struct DelFailure {
    /// What failed.
    pub(crate) failures: Vec<PluginFailure>,
    /// The plugins that were not called because of it, in the order in which they would have been.
    pub(crate) not_called: Vec<String>,
}

impl Chain<'_> {
    /// ADD forward, each plugin with the previous one's result. When one fails, DEL goes over the
    /// whole chain: the reference library leaves that to its caller.
    pub(crate) fn add(&self) -> Result<Value, AddFailure> {
        let mut result: Option<Value> = None;
        let mut run = Vec::new();
        for plugin in &self.network.plugins {
            match self.add_one(plugin, result.as_ref()) {
                Ok(next) => result = Some(next),
                Err(failure) => {
                    let left_over = self.roll_back(result.as_ref(), &run);
                    return Err(AddFailure { failure, left_over });
                }
            }
            run.push(&plugin.executable);
        }
        // A network has at least one plugin, which `locate` has made sure of.
        Ok(result.unwrap_or_else(|| json!({"cniVersion": self.network.version})))
    }

    fn add_one(&self, plugin: &Plugin, previous: Option<&Value>) -> Result<Value, PluginFailure> {
        let failed = |cause| PluginFailure {
            verb: Verb::Add,
            plugin: plugin.executable.clone(),
            cause,
        };
        let answer = self.call(Verb::Add, plugin, previous)?;
        let result = serde_json::from_slice(&answer).map_err(|e| failed(Cause::NoResult(e)))?;
        let Value::Object(mut result) = result else {
            return Err(failed(Cause::NoObject));
        };
        // An answer without a version is in that of its request.
        let version = result.entry("cniVersion").or_insert(Value::Null);
        if matches!(version, Value::Null) || version.as_str() == Some("") {
            *version = json!(self.network.version);
        }
        Ok(Value::Object(result))
    }

    /// DEL over the whole chain, past every failure: the attachment was never handed to anybody, so
    /// nothing gets worse by removing what can be removed. An executable that is missing has left
    /// something only if it has been `run` just now.
    fn roll_back(&self, result: Option<&Value>, run: &[&PluginType]) -> Vec<PluginFailure> {
        let mut failures = match self.del(result, true) {
            Ok(()) => Vec::new(),
            Err(DelFailure { failures, .. }) => failures,
        };
        failures.retain(|failure| {
            !matches!(failure.cause, Cause::NotFound { .. }) || run.contains(&&failure.plugin)
        });
        failures
    }

    /// DEL backward with the chain's final result. Unless it goes `past_failures`, the first one ends it,
    /// so that no address is released while an earlier part still uses it.
    pub(crate) fn del(
        &self,
        result: Option<&Value>,
        past_failures: bool,
    ) -> Result<(), DelFailure> {
        // `prevResult` came to DEL with the version that brought CHECK.
        let result = result.filter(|_| self.network.version >= Verb::Check.since());
        let mut failures = Vec::new();
        let mut plugins = self.network.plugins.iter().rev();
        for plugin in plugins.by_ref() {
            if let Err(failure) = self.call(Verb::Del, plugin, result) {
                failures.push(failure);
                if !past_failures {
                    break;
                }
            }
        }
        if failures.is_empty() {
            return Ok(());
        }
        let not_called = plugins
            .map(|plugin| plugin.executable.to_string())
            .collect();
        Err(DelFailure {
            failures,
            not_called,
        })
    }

    /// CHECK forward with the chain's final result; the first difference ends it.
    pub(crate) fn check(&self, result: &Value) -> Result<(), PluginFailure> {
        for plugin in &self.network.plugins {
            self.call(Verb::Check, plugin, Some(result))?;
        }
        Ok(())
    }

    /// GC forward, past every failure.
    pub(crate) fn gc(&self, valid: &[ValidAttachment]) -> Vec<PluginFailure> {
        let additions = Additions {
            valid_attachments: Some(valid),
            ..self.additions
        };
        let chain = Chain { additions, ..*self };
        let plugins = chain.network.plugins.iter();
        plugins
            .filter_map(|plugin| chain.call(Verb::Gc, plugin, None).err())
            .collect()
    }

    /// STATUS of every plugin, in the chain's order.
    pub(crate) fn status(&self) -> Vec<(String, Option<PluginFailure>)> {
        let ask = |plugin: &Plugin| {
            let failure = self.call(Verb::Status, plugin, None).err();
            (plugin.executable.to_string(), failure)
        };
        self.network.plugins.iter().map(ask).collect()
    }

    fn call(
        &self,
        verb: Verb,
        plugin: &Plugin,
        previous_result: Option<&Value>,
    ) -> Result<Vec<u8>, PluginFailure> {
        let additions = Additions {
            previous_result,
            ..self.additions
        };
        let request = request::build(self.network, plugin, additions);
        exec::call(
            verb,
            &plugin.executable,
            self.path,
            self.variables,
            &request,
        )
    }
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
