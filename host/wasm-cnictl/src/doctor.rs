//! `wasm-cnictl doctor`: what keeps this node's networks from working, or will by and by.
//!
//! Each subject gathers facts and changes nothing; what they mean is decided by functions of the facts alone.

mod directories;
mod entry;
mod executables;
mod finding;
mod firewall;
mod host_ports;
mod kernel;
mod networks;
mod plugins;
mod ranges;
mod reservations;
mod state;

use std::path::Path;
use std::process::ExitCode;

use engine::PluginStore;
use runtime::operator::Operator;
use runtime::{SETTINGS_FILE, Settings};
use serde::Serialize;

use crate::cli::DoctorArgs;
use crate::output::Output;
use crate::{printable, state as places};
use directories::Directories;
use executables::Executables;
use finding::{Finding, Severity, exit_status};
use firewall::Firewall;
use host_ports::HostPorts;
use kernel::Kernel;
use networks::Networks;
use plugins::Plugins;
use ranges::Ranges;
use reservations::Reservations;
use state::State;

/// The answer.
#[derive(Debug, Serialize)]
struct Report {
    /// The worst first.
    findings: Vec<Finding>,
}

/// Runs the command and prints its answer.
///
/// # Errors
/// When the answer can't be printed.
pub(crate) fn run(args: &DoctorArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let mut findings = examine(args);
    findings.sort();
    let report = Report { findings };
    output.answer(&report, |report| text(&report.findings))?;
    Ok(ExitCode::from(exit_status(&report.findings)))
}

fn examine(args: &DoctorArgs) -> Vec<Finding> {
    let mut findings = Vec::new();
    let settings = places::settings(&args.state).unwrap_or_else(|error| {
        findings.push(Severity::Error.finding(
            "settings",
            SETTINGS_FILE,
            format!("{error:#}"),
            "correct the file; without it the fixed places hold",
        ));
        Settings::default()
    });
    let networks = Networks::gather(args.conf_dir.clone());
    findings.extend(networks.judge());
    let executables = Executables::gather(&networks, &args.cni_path);
    findings.extend(executables.judge(&networks));
    findings.extend(Directories::gather(trusted(&settings, args)).judge());
    let store = PluginStore::at(settings.state_directory.join("plugins"));
    findings.extend(Plugins::gather(&store).judge(&networks));
    findings.extend(Kernel::gather().judge(&networks));
    findings.extend(Ranges::gather(&args.service_cidr).judge(&networks));
    findings.extend(Firewall::gather().judge(&networks));
    let operator = Operator::new(settings);
    findings.extend(State::gather(&operator).judge());
    findings.extend(HostPorts::gather(&operator, args.node_port_range).judge());
    let reservations =
        Reservations::gather(&args.host_local_dir, &networks, &executables, &operator);
    findings.extend(reservations.judge());
    findings
}

/// What only root may be able to change.
fn trusted<'a>(settings: &'a Settings, args: &'a DoctorArgs) -> impl Iterator<Item = &'a Path> {
    let executables = args.cni_path.split(':').filter(|part| !part.is_empty());
    let own = [
        settings.run_directory.as_path(),
        settings.state_directory.as_path(),
        settings.sysctl_allow_list.as_path(),
        args.conf_dir.as_path(),
        Path::new(SETTINGS_FILE),
    ];
    let log = settings.log_file.parent();
    own.into_iter().chain(log).chain(executables.map(Path::new))
}

fn text(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "nothing is wrong".to_owned();
    }
    let lines = findings.iter().map(|finding| {
        let problem = format!(
            "{}: {}: {}: {}",
            finding.severity.word(),
            finding.subject,
            finding.place,
            finding.problem
        );
        let remedy = printable::line(&finding.remedy);
        format!("{}\n  {remedy}", printable::line(&problem))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_is_told_with_its_remedy() {
        let finding = Severity::Warning.finding("state", "leases\u{1b}", "x\ny", "do z");
        assert_eq!(
            text(&[finding]),
            "warning: state: leases\\u{1b}: x\\ny\n  do z"
        );
        assert_eq!(text(&[]), "nothing is wrong");
    }

    #[test]
    fn the_fields_of_the_answer_are_stable() {
        let findings = vec![Severity::Error.finding("kernel", "link ptp", "x", "y")];
        assert_eq!(
            serde_json::to_value(Report { findings }).unwrap(),
            serde_json::json!({"findings": [{
                "severity": "error", "subject": "kernel", "place": "link ptp", "problem": "x",
                "remedy": "y",
            }]})
        );
    }
}
