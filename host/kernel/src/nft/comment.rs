//! Comments as `nft` keeps them: in the object's userdata, as (type, length, text with NUL).

/// `NFTNL_UDATA_RULE_COMMENT` and `NFTNL_UDATA_CHAIN_COMMENT` (libnftnl, include/libnftnl/udata.h).
const COMMENT: u8 = 0;
/// `NFTNL_UDATA_COMMENT_MAXLEN` less the NUL: `nft` reads no longer one.
const LONGEST: usize = 127;

/// The userdata that carries this comment; a longer one is cut. What would end `nft`'s quotes becomes `?`, so that a
/// listed ruleset can be loaded again.
pub(super) fn encode(text: &str) -> Vec<u8> {
    let text: String = text.chars().map(quotable).take(LONGEST).collect();
    let mut userdata = vec![COMMENT, text.len() as u8 + 1];
    userdata.extend(text.as_bytes());
    userdata.push(0);
    userdata
}

fn quotable(character: char) -> char {
    match character {
        '"' | '\\' => '?',
        ' '..='~' => character,
        _ => '?',
    }
}

/// The comment in this userdata.
pub(super) fn decode(mut userdata: &[u8]) -> Option<&str> {
    loop {
        let (kind, length, rest) = match userdata {
            [kind, length, rest @ ..] => (*kind, usize::from(*length), rest),
            _ => return None,
        };
        let value = rest.get(..length)?;
        if kind == COMMENT {
            return str::from_utf8(value.strip_suffix(&[0])?).ok();
        }
        userdata = rest.get(length..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_read_back() {
        assert_eq!(encode("pods"), *b"\x00\x05pods\x00");
        assert_eq!(decode(&encode("pods")), Some("pods"));
        assert_eq!(decode(b"\x02\x01x\x00\x03ab\x00"), Some("ab"));
    }

    #[test]
    fn comments_fit_and_cannot_end_the_quotes() {
        let userdata = encode(&"ü\"\n".repeat(100));
        assert_eq!(decode(&userdata), Some(&*"?".repeat(LONGEST)));
    }

    #[test]
    fn broken_userdata_has_no_comment() {
        for userdata in [
            &b""[..],
            b"\x00",
            b"\x00\x05ab\x00",
            b"\x00\x02ab",
            b"\x00\x03\xff\xff\x00",
        ] {
            assert_eq!(decode(userdata), None, "{userdata:?}");
        }
    }
}
