//! Who runs a container and with which rights: users, capabilities, seccomp.

use pinwire_shim::workload::User;

use crate::manifest::pod::{Container, Seccomp, SeccompType, Spec};
use crate::manifest::report::Report;
use crate::manifest::suggest;
use crate::manifest::tree::Tree;

/// capabilities(7), Linux 6.18.
const CAPABILITIES: [&str; 42] = [
    "ALL",
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
];
/// The user of a container: its own, or the pod's.
pub(super) fn user(
    spec: &Spec,
    container: &Container,
    tree: &Tree,
    report: &mut Report,
) -> Option<User> {
    let (pod, own) = (&spec.security_context, &container.security_context);
    let uid = own.run_as_user.or(pod.run_as_user);
    let gid = own.run_as_group.or(pod.run_as_group);
    if own.run_as_non_root.or(pod.run_as_non_root) == Some(true) {
        match uid {
            Some(0) => {
                report
                    .error(
                        tree.place_of("runAsUser"),
                        "`runAsNonRoot` forbids the user 0",
                    )
                    .hint("choose another `runAsUser`");
            }
            None => {
                let hint = "add `runAsUser`: the image's own user is not looked at";
                report
                    .error(
                        tree.place_of("runAsNonRoot"),
                        "`runAsNonRoot` needs `runAsUser`",
                    )
                    .hint(hint);
            }
            Some(_) => {}
        }
    }
    let additional_gids = pod.supplemental_groups.clone();
    let given = uid.is_some() || gid.is_some() || !additional_gids.is_empty();
    given.then_some(User {
        uid,
        gid,
        additional_gids,
    })
}

/// Checks the names of capabilities.
pub(super) fn capabilities(
    names: &[String],
    key: &str,
    security: &Tree,
    report: &mut Report,
) -> Vec<String> {
    let tree = security.value("capabilities");
    for (index, name) in names.iter().enumerate() {
        if !CAPABILITIES.contains(&name.as_str()) {
            let bare = name.to_uppercase();
            let bare = bare.strip_prefix("CAP_").unwrap_or(&bare);
            let hint = if CAPABILITIES.contains(&bare) {
                Some(format!("write `{bare}`"))
            } else {
                suggest::hint(bare, CAPABILITIES)
            };
            report
                .error(
                    tree.place_in(key, index),
                    format!("there is no capability `{name}`"),
                )
                .hint_if(hint);
        }
    }
    names.to_vec()
}

/// Checks a seccomp profile.
pub(super) fn check_seccomp(profile: Option<Seccomp>, security: &Tree, report: &mut Report) {
    let place = security.value("seccompProfile").place_of("type");
    match profile.map(|profile| profile.kind) {
        None | Some(SeccompType::RuntimeDefault) => {}
        Some(SeccompType::Unconfined) => {
            report
                .error(
                    place,
                    "a seccomp profile `Unconfined` is not supported by this version",
                )
                .hint("`privileged: true` runs a container without a filter");
        }
        Some(SeccompType::Localhost) => {
            report
                .error(place, "only the built-in seccomp profile is applied")
                .hint("write `type: RuntimeDefault`");
        }
    }
}
