/// `sha256:` and 64 hexadecimal digits, as a configuration's `digest` and a manifest write it.
#[cfg(any(test, feature = "compiler"))]
pub(crate) fn of(bytes: &[u8]) -> String {
    format!(
        "sha256:{}",
        hex(<sha2::Sha256 as sha2::Digest>::digest(bytes).iter())
    )
}

/// The hexadecimal digits of a well-formed digest.
pub(crate) fn digits(digest: &str) -> Option<&str> {
    let digits = digest.strip_prefix("sha256:")?;
    let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (digits.len() == 64 && digits.bytes().all(lower_hex)).then_some(digits)
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex<'a>(bytes: impl Iterator<Item = &'a u8>) -> String {
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_written_the_way_it_is_read() {
        let digest = of(b"");
        assert_eq!(
            digits(&digest),
            Some("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        );
    }

    #[test]
    fn what_could_name_another_file_is_no_digest() {
        let upper = format!("sha256:{}", "A".repeat(64));
        for text in ["", "sha256:", "sha256:../../x", &upper] {
            assert_eq!(digits(text), None, "{text}");
        }
    }
}
