//! A guest that imports WASI and looks for anything that it should not find. Its ADD fails, naming what it found; if
//! everything is denied it answers with the next address.
#![cfg(target_family = "wasm")]

use std::net::IpAddr;

use wasip2::cli::{environment, stdin, stdout};
use wasip2::clocks::monotonic_clock;
use wasip2::filesystem::preopens;
use wasip2::sockets::network::{IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::{instance_network, tcp_create_socket, udp_create_socket};
use wasm_cni_guest::{
    AddressRange, Allocation, Attachment, Dns, Failure, Host, InterfaceAddress, Ipam,
};

const HOUR_IN_NANOSECONDS: u64 = 3_600_000_000_000;

struct Curious;

impl Ipam for Curious {
    fn configure(_: &str) -> Result<Self, Failure> {
        Ok(Self)
    }

    fn allocate(
        &self,
        _: &Attachment,
        _: Option<Dns>,
        host: &impl Host,
    ) -> Result<Allocation, Failure> {
        if let Some(found) = anything() {
            return Err(Failure::Other(format!("the sandbox shows {found}")));
        }
        let before = monotonic_clock::now();
        // The host must not wait: its deadline is seconds away, this is an hour.
        monotonic_clock::subscribe_duration(HOUR_IN_NANOSECONDS).block();
        if monotonic_clock::now() < before {
            return Err(Failure::Other("the clock went back".into()));
        }
        let range = AddressRange::hosts(
            "10.1.0.0/24"
                .parse()
                .map_err(|_| Failure::Other("a constant can't be read".into()))?,
        );
        let address: IpAddr = host.reserve_next(&[range], None)?;
        let address = InterfaceAddress::new(address, 24, None)?;
        Ok(Allocation {
            addresses: vec![address],
            ..Allocation::default()
        })
    }
}

fn anything() -> Option<String> {
    let variables = environment::get_environment();
    if !variables.is_empty() {
        return Some(format!("the environment {variables:?}"));
    }
    let arguments = environment::get_arguments();
    if !arguments.is_empty() {
        return Some(format!("the arguments {arguments:?}"));
    }
    if let Some((_, name)) = preopens::get_directories().first() {
        return Some(format!("the directory {name}"));
    }
    if stdin::get_stdin()
        .read(1)
        .is_ok_and(|bytes| !bytes.is_empty())
    {
        return Some("standard input".into());
    }
    // Goes to the log, and must not disturb the result on the plugin's own standard output.
    let _ = stdout::get_stdout().blocking_write_and_flush(b"{\"cniVersion\":\"forged\"}\n");
    socket()
}

fn socket() -> Option<String> {
    let network = instance_network::instance_network();
    let local = IpSocketAddress::Ipv4(Ipv4SocketAddress {
        port: 0,
        address: (127, 0, 0, 1),
    });
    if let Ok(socket) = tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4)
        && socket.start_bind(&network, local).is_ok()
        && socket.finish_bind().is_ok()
    {
        return Some("a TCP socket".into());
    }
    if let Ok(socket) = udp_create_socket::create_udp_socket(IpAddressFamily::Ipv4)
        && socket.start_bind(&network, local).is_ok()
        && socket.finish_bind().is_ok()
    {
        return Some("a UDP socket".into());
    }
    None
}

wasm_cni_guest::export_ipam!(Curious);
