//! This host's platform, in the names that images use (Go's GOOS and GOARCH).

use std::fmt;

use oci_spec::image::{Arch, Os};

use super::error::ImageError;

/// An operating system, an architecture and its variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Platform {
    pub(super) os: Os,
    pub(super) architecture: Arch,
    /// Such as `v8`; images seldom say it.
    pub(super) variant: Option<String>,
}

impl Platform {
    /// The platform that this program was built for.
    pub(super) fn host() -> Self {
        Self {
            os: Os::Linux,
            architecture: Arch::default(),
            variant: None,
        }
    }

    /// Whether this host can run what was made for `self`. Variants are not compared: v8 is the only one of arm64, and
    /// amd64 images that ask for v2 or more run on every server of the last decade.
    pub(super) fn runs_here(&self) -> bool {
        let host = Self::host();
        self.os == host.os && self.architecture == host.architecture
    }

    /// The platform that a descriptor tells.
    pub(super) fn of(platform: &oci_spec::image::Platform) -> Self {
        Self {
            os: platform.os().clone(),
            architecture: platform.architecture().clone(),
            variant: platform.variant().clone(),
        }
    }

    /// An error unless this host can run it.
    pub(super) fn check(self) -> Result<(), ImageError> {
        if self.runs_here() {
            Ok(())
        } else {
            Err(Self::none_fits(&[self]))
        }
    }

    /// The error of an image none of whose platforms is this host's.
    pub(super) fn none_fits(offered: &[Self]) -> ImageError {
        let mut offered: Vec<_> = offered.iter().map(ToString::to_string).collect();
        offered.sort();
        offered.dedup();
        let offered = if offered.is_empty() {
            "nothing".to_owned()
        } else {
            offered.join(", ")
        };
        ImageError::Platform {
            wanted: Self::host().to_string(),
            offered,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(formatter, "/{variant}"),
            None => Ok(()),
        }
    }
}
