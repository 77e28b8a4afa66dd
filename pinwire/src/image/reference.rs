//! Names of images, completed as Docker completes them, so that `alpine` and `docker.io/library/alpine:latest` are one.

use std::fmt;
use std::str::FromStr;

use super::digest::Digest;

/// The longest repository name with its domain, in bytes (distribution/reference, `NameTotalLengthMax`).
const NAME_MAX: usize = 255;
/// The longest tag, in bytes.
const TAG_MAX: usize = 128;

/// A complete, valid image reference: domain, repository, and a tag or a digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// Domain and repository, `docker.io/library/alpine`.
    name: String,
    /// The tag; `latest` where neither tag nor digest was written.
    tag: Option<String>,
    /// The digest, which wins over the tag.
    digest: Option<Digest>,
}

impl Reference {
    /// Domain and repository, without tag and digest.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tag, if the reference has one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest that the image must have, if the reference has one.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }
}

impl FromStr for Reference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = |reason: &str| Err(format!("`{text}` is not an image reference: {reason}"));
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse::<Digest>()?)),
            None => (text, None),
        };
        let (name, tag) = split_tag(rest);
        if let Some(tag) = tag
            && !is_tag(tag)
        {
            return refuse(
                "a tag has 1 to 128 letters, digits, `_`, `.` and `-`, and begins with none of `.-`",
            );
        }
        let (domain, path) = split_domain(name);
        if !is_domain(domain) {
            return refuse("its domain is not a host name with an optional port");
        }
        if !path.split('/').all(is_component) {
            return refuse(
                "a repository has lower-case letters and digits, separated by `/`, `.`, `_`, `__` or `-`",
            );
        }
        let official = domain == "docker.io" && !path.contains('/');
        let name = format!("{domain}/{}{path}", if official { "library/" } else { "" });
        if name.len() > NAME_MAX {
            return refuse("its repository is longer than 255 bytes");
        }
        let tag = tag.or(digest.is_none().then_some("latest"));
        Ok(Self {
            name,
            tag: tag.map(str::to_owned),
            digest,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(formatter, "@{digest}")?;
        }
        Ok(())
    }
}

impl serde::Serialize for Reference {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Reference {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Splits `name:tag`; a colon before the last slash belongs to a port.
fn split_tag(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (text, None),
    }
}

/// The first component is a domain if it looks like a host: with a dot, a port, or `localhost`.
fn split_domain(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some(("index.docker.io", path)) => ("docker.io", path),
        Some((domain, path)) if domain.contains(['.', ':']) || domain == "localhost" => {
            (domain, path)
        }
        _ => ("docker.io", name),
    }
}

fn is_domain(text: &str) -> bool {
    let (host, port) = text
        .split_once(':')
        .map_or((text, None), |(host, port)| (host, Some(port)));
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    host.split('.').all(label) && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= TAG_MAX
        && text.bytes().next().is_some_and(word)
        && text
            .bytes()
            .all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

/// `[a-z0-9]+` joined by one `.`, one or two `_`, or any number of `-`.
fn is_component(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = text.bytes().next().is_some_and(inner) && text.bytes().last().is_some_and(inner);
    ends && text
        .split(|character: char| character.is_ascii_lowercase() || character.is_ascii_digit())
        .all(|separator| {
            matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completes_as_docker_does() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, expected) in [
            ("alpine", "docker.io/library/alpine:latest"),
            ("alpine:3.20", "docker.io/library/alpine:3.20"),
            ("user/x", "docker.io/user/x:latest"),
            ("index.docker.io/x", "docker.io/library/x:latest"),
            ("localhost/pinwire-node", "localhost/pinwire-node:latest"),
            ("localhost:5000/a/b:v1", "localhost:5000/a/b:v1"),
            ("quay.io/a__b/c-d.e:V_1", "quay.io/a__b/c-d.e:V_1"),
            (
                &format!("x@{digest}"),
                &format!("docker.io/library/x@{digest}"),
            ),
            (
                &format!("x:1@{digest}"),
                &format!("docker.io/library/x:1@{digest}"),
            ),
        ] {
            let reference: Reference = text.parse().expect(text);
            assert_eq!(reference.to_string(), expected);
            assert_eq!(
                reference.to_string().parse(),
                Ok(reference),
                "completing twice changes nothing"
            );
        }
    }

    #[test]
    fn refuses_what_is_no_reference() {
        let long = "a".repeat(256);
        for text in [
            "",
            "/",
            "a/",
            "/a",
            "UPPER",
            "a b",
            "a:",
            "a:-x",
            "a:x/",
            "a@sha256:12",
            "a@md5:00",
            "../a",
            "a..b",
            "a___b",
            "a.-b",
            "-a",
            "a-",
            "host.:1/x",
            "ho st.de/x",
            "x.de:99999/a",
            "a\0b",
            "ä",
            &long,
        ] {
            assert!(
                text.parse::<Reference>().is_err(),
                "`{text}` must be refused"
            );
        }
    }
}
