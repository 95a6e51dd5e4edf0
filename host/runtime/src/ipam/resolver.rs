//! `resolv.conf(5)`, for plugins that may not read files.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use plan::Dns;

const LARGEST: u64 = 64 * 1024;

/// What the file says.
pub(super) fn read(path: &Path) -> io::Result<Dns> {
    let mut text = Vec::new();
    File::open(path)?.take(LARGEST).read_to_end(&mut text)?;
    Ok(parse(&String::from_utf8_lossy(&text)))
}

/// As the reference plugin host-local reads it: the last `domain` and `search` count, name servers and options add up.
fn parse(text: &str) -> Dns {
    let mut dns = Dns::default();
    for line in text.lines() {
        let line = line.split(['#', ';']).next().unwrap_or_default();
        let mut words = line.split_whitespace().map(str::to_owned);
        match words.next().as_deref() {
            Some("nameserver") => dns.nameservers.extend(words.next()),
            Some("domain") => dns.domain = words.next(),
            Some("search") => dns.search = words.collect(),
            Some("options") => dns.options.extend(words),
            _ => {}
        }
    }
    dns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_is_read_and_comments_are_not() {
        let dns = parse(
            "# x\nnameserver 192.0.2.1 ; y\nnameserver fd00::53\nsearch a b\nsearch c\ndomain d\noptions ndots:5 rotate\nsortlist 1\n",
        );
        assert_eq!(dns.nameservers, ["192.0.2.1", "fd00::53"]);
        assert_eq!(dns.search, ["c"]);
        assert_eq!(dns.domain.as_deref(), Some("d"));
        assert_eq!(dns.options, ["ndots:5", "rotate"]);
    }
}
