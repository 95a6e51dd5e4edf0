//! WASI 0.2 for plugins whose language needs it: everything denied, nothing blocks, nothing differs from run to run.
//!
//! `wasmtime-wasi` serves what only has to exist or to refuse (environment, files, terminals, sockets). What could wait, tell
//! the time, draw random numbers or open a socket is our own. Only interfaces that a plugin imports are linked.

mod clocks;
mod poll;
mod random;
mod sockets;
mod stdio;
mod streams;

use std::time::SystemTime;

use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::{
    self, cli, clocks as wit_clocks, filesystem, random as wit_random,
};
use wasmtime_wasi::p2::bindings::{sockets as wit_sockets, sync};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_io::bindings::wasi::io::error as io_error;

use self::clocks::VirtualClock;
use self::random::Random;
use self::stdio::StandardStreams;
use crate::host::Transcript;
use crate::sandbox::{CallState, Seed};

/// More resources than any plugin that was tried holds at once by far.
const MOST_RESOURCES: usize = 1_024;

/// What a plugin may import of WASI, without the version. Left out are `wasi:http` and what is unstable.
pub(crate) const INTERFACES: [&str; 27] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// One call's WASI.
pub(crate) struct Wasi {
    context: WasiCtx,
    table: ResourceTable,
    clock: VirtualClock,
    random: Random,
    streams: StandardStreams,
}

impl Wasi {
    pub(crate) fn new(seed: Seed, now: SystemTime, transcript: Transcript) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MOST_RESOURCES);
        Self {
            // Without a file, a variable, an argument, an address or an input.
            context: WasiCtx::builder().allow_tcp(false).allow_udp(false).build(),
            table,
            clock: VirtualClock::new(now),
            random: Random::new(seed),
            streams: StandardStreams::new(transcript),
        }
    }

    /// Hands over what was written to the standard streams without a final line break.
    pub(crate) fn flush(&mut self) {
        self.streams.flush();
    }
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi();
        WasiCtxView {
            ctx: &mut wasi.context,
            table: &mut wasi.table,
        }
    }
}

type Own = HasSelf<CallState>;

/// Links one interface by the name that the audit knows it under.
pub(crate) fn link(l: &mut Linker<CallState>, interface: &str) -> wasmtime::Result<()> {
    match interface.split_once('/') {
        Some(("wasi:cli", name)) => link_cli(l, name),
        Some(("wasi:sockets", name)) => link_sockets(l, name),
        Some(("wasi:filesystem", "preopens")) => {
            filesystem::preopens::add_to_linker::<_, WasiFilesystem>(l, CallState::filesystem)
        }
        Some(("wasi:filesystem", _)) => {
            sync::filesystem::types::add_to_linker::<_, WasiFilesystem>(l, CallState::filesystem)
        }
        Some(("wasi:clocks", "monotonic-clock")) => {
            wit_clocks::monotonic_clock::add_to_linker::<_, Own>(l, |state| state)
        }
        Some(("wasi:clocks", _)) => {
            wit_clocks::wall_clock::add_to_linker::<_, Own>(l, |state| state)
        }
        Some(("wasi:random", "random")) => {
            wit_random::random::add_to_linker::<_, Own>(l, |state| state)
        }
        Some(("wasi:random", "insecure")) => {
            wit_random::insecure::add_to_linker::<_, Own>(l, |state| state)
        }
        Some(("wasi:random", _)) => {
            wit_random::insecure_seed::add_to_linker::<_, Own>(l, |state| state)
        }
        Some(("wasi:io", "poll")) => sync::io::poll::add_to_linker::<_, Own>(l, |state| state),
        Some(("wasi:io", "streams")) => {
            sync::io::streams::add_to_linker::<_, Own>(l, |state| state)
        }
        _ => {
            io_error::add_to_linker::<_, HasSelf<ResourceTable>>(l, |state| &mut state.wasi().table)
        }
    }
}

fn link_cli(l: &mut Linker<CallState>, name: &str) -> wasmtime::Result<()> {
    let view = CallState::cli;
    match name {
        "environment" => cli::environment::add_to_linker::<_, WasiCli>(l, view),
        "exit" => cli::exit::add_to_linker::<_, WasiCli>(l, view),
        "stdin" => cli::stdin::add_to_linker::<_, WasiCli>(l, view),
        "stdout" => cli::stdout::add_to_linker::<_, Own>(l, |state| state),
        "stderr" => cli::stderr::add_to_linker::<_, Own>(l, |state| state),
        "terminal-input" => cli::terminal_input::add_to_linker::<_, WasiCli>(l, view),
        "terminal-output" => cli::terminal_output::add_to_linker::<_, WasiCli>(l, view),
        "terminal-stdin" => cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, view),
        "terminal-stdout" => cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, view),
        _ => cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, view),
    }
}

fn link_sockets(l: &mut Linker<CallState>, name: &str) -> wasmtime::Result<()> {
    let view = CallState::sockets;
    match name {
        "instance-network" => {
            wit_sockets::instance_network::add_to_linker::<_, WasiSockets>(l, view)
        }
        "ip-name-lookup" => wit_sockets::ip_name_lookup::add_to_linker::<_, Own>(l, |state| state),
        "tcp" => sync::sockets::tcp::add_to_linker::<_, WasiSockets>(l, view),
        "tcp-create-socket" => {
            wit_sockets::tcp_create_socket::add_to_linker::<_, Own>(l, |state| state)
        }
        "udp" => sync::sockets::udp::add_to_linker::<_, WasiSockets>(l, view),
        "udp-create-socket" => {
            sync::sockets::udp_create_socket::add_to_linker::<_, Own>(l, |state| state)
        }
        _ => {
            let stable = bindings::sockets::network::LinkOptions::default();
            wit_sockets::network::add_to_linker::<_, WasiSockets>(l, &stable, view)
        }
    }
}
