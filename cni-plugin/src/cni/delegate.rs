//! The IPAM plugin of an attachment, and what it takes to call it without the runtime.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::configuration::Configuration;

/// What it takes to give addresses back without the runtime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delegate {
    /// The IPAM plugin's name.
    pub kind: String,
    /// `CNI_PATH`.
    pub path: String,
    /// `CNI_ARGS`.
    pub arguments: String,
    /// The network configuration.
    pub configuration: String,
}

impl Delegate {
    /// The IPAM plugin of a configuration, if it names one.
    pub(crate) fn of(configuration: &Configuration, path: &str, arguments: &str) -> Option<Self> {
        Some(Self {
            kind: configuration.ipam.clone()?,
            path: path.to_owned(),
            arguments: arguments.to_owned(),
            configuration: String::from_utf8_lossy(&configuration.text).into_owned(),
        })
    }

    /// The delegate without what only the ADD needs: results and annotations can be long.
    #[must_use]
    pub(crate) fn to_record(&self) -> Self {
        let mut record = self.clone();
        if let Ok(Value::Object(mut configuration)) = serde_json::from_str(&self.configuration) {
            configuration.retain(|key, _| {
                !["prevResult", "runtimeConfig"]
                    .iter()
                    .any(|long| key.eq_ignore_ascii_case(long))
            });
            record.configuration = Value::Object(configuration).to_string();
        }
        record
    }
}
