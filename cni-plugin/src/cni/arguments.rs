//! `CNI_ARGS`: pairs `KEY=VALUE` with `;` between them. What other plugins of a chain are meant to read is passed over.

use std::str::FromStr;

use ipnet::IpNet;

use super::environment::EnvironmentError;
use pinwire_wiring::name::MacAddress;

/// The variable's name, for messages.
const NAME: &str = "CNI_ARGS";

/// The arguments that this plugin knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// `K8S_POD_NAMESPACE`: the pod's namespace.
    pub pod_namespace: Option<String>,
    /// `K8S_POD_NAME`: the pod's name.
    pub pod_name: Option<String>,
    /// `MAC`: the MAC address to take.
    pub mac: Option<MacAddress>,
    /// `IP`: addresses to take, with `,` between them.
    pub addresses: Vec<IpNet>,
    /// `MTU`: bytes.
    pub mtu: Option<u32>,
}

impl FromStr for Arguments {
    type Err = EnvironmentError;

    fn from_str(text: &str) -> Result<Self, EnvironmentError> {
        let mut arguments = Self::default();
        for pair in text.split(';').filter(|pair| !pair.trim().is_empty()) {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(wrong(format!("`{pair}` is not KEY=VALUE")));
            };
            arguments.set(key.trim(), value)?;
        }
        Ok(arguments)
    }
}

impl Arguments {
    fn set(&mut self, key: &str, value: &str) -> Result<(), EnvironmentError> {
        match key {
            "K8S_POD_NAMESPACE" => self.pod_namespace = Some(value.to_owned()),
            "K8S_POD_NAME" => self.pod_name = Some(value.to_owned()),
            "MAC" => self.mac = Some(value.parse().map_err(wrong)?),
            "MTU" => {
                let mtu = value
                    .parse()
                    .map_err(|_| wrong(format!("`{value}` is not an MTU")))?;
                self.mtu = Some(mtu);
            }
            "IP" => {
                let addresses = value
                    .split(',')
                    .map(|address| super::configuration::address(address.trim()));
                self.addresses = addresses.collect::<Result<_, _>>().map_err(wrong)?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn wrong(reason: String) -> EnvironmentError {
    EnvironmentError::Invalid { name: NAME, reason }
}
