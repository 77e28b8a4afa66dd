//! The containers of a pod become workloads: names, commands, environment. Rights, limits and mounts are in
//! [`super::security`], [`super::resources`] and [`super::volume`].

use std::collections::HashMap;

use pinwire_shim::workload::Workload;
use pinwire_wiring::name::NodeName;

use super::{Container, resources, security, volume};
use crate::manifest::pod;
use crate::manifest::pod::{PullPolicy, Spec};
use crate::manifest::report::Report;
use crate::manifest::tree::Tree;

/// The containers of a pod, as far as they are right; what is wrong is in the report.
pub(super) fn build(spec: &Spec, tree: &Tree, report: &mut Report) -> Vec<Container> {
    let list = tree.value("containers");
    if spec.containers.is_empty() {
        report
            .error(list.place, "a pod needs at least one container")
            .hint("write `containers: [{name: node, image: localhost/pinwire-node:latest}]`");
    }
    security::check_seccomp(
        spec.security_context.seccomp_profile,
        tree.value("securityContext"),
        report,
    );
    let volumes = volume::check(spec, tree, report);
    let mut names = HashMap::new();
    let mut containers = Vec::new();
    for (index, container) in spec.containers.iter().enumerate() {
        let tree = list.item(index);
        check_identity(container, tree, report);
        if let Some(first) = names.insert(&container.name, tree.place_of("name")) {
            report
                .error(
                    tree.place_of("name"),
                    format!("two containers are named `{}`", container.name),
                )
                .related(first, "the first one");
        }
        let mut workload = workload(spec, container, tree, report);
        workload.mounts = volume::mounts(&volumes, container, tree, report);
        containers.push(Container {
            name: container.name.clone(),
            image: container.image.clone(),
            workload,
        });
    }
    containers
}

fn check_identity(container: &pod::Container, tree: &Tree, report: &mut Report) {
    let name = &container.name;
    if name.parse::<NodeName>().is_err() {
        report.error(
            tree.place_of("name"),
            format!("`{name}` is not a container name: write a DNS label (RFC 1123)"),
        );
    }
    if container.image_pull_policy == Some(PullPolicy::Always) {
        report.warning(
            tree.place_of("imagePullPolicy"),
            "`imagePullPolicy: Always` has no effect here: nothing is pulled",
        );
    }
    if container.image.is_empty()
        || container
            .image
            .contains(|c: char| c.is_whitespace() || c.is_control())
    {
        let hint = "such as localhost/pinwire-node:latest";
        report
            .error(
                tree.place_of("image"),
                format!("`{}` is not an image reference", container.image),
            )
            .hint(hint);
    }
    if let Some(directory) = container
        .working_dir
        .as_deref()
        .filter(|path| !path.is_empty() && !path.starts_with('/'))
    {
        report.error(
            tree.place_of("workingDir"),
            format!("`{directory}` is not an absolute path"),
        );
    }
}

fn workload(spec: &Spec, container: &pod::Container, tree: &Tree, report: &mut Report) -> Workload {
    let context = &container.security_context;
    let security_tree = tree.value("securityContext");
    security::check_seccomp(context.seccomp_profile, security_tree, report);
    if context.privileged && context.allow_privilege_escalation == Some(false) {
        let place = security_tree.place_of("allowPrivilegeEscalation");
        report
            .error(
                place,
                "a privileged container cannot forbid privilege escalation",
            )
            .hint("remove one of the two");
    }
    let env = environment(container, tree, report);
    let expand = |texts: &Vec<String>| texts.iter().map(|text| expand(text, &env)).collect();
    Workload {
        command: container.command.as_ref().map(expand),
        args: container.args.as_ref().map(expand),
        working_dir: container
            .working_dir
            .clone()
            .filter(|path| !path.is_empty()),
        user: security::user(spec, container, security_tree, report),
        privileged: context.privileged,
        add_capabilities: security::capabilities(
            &context.capabilities.add,
            "add",
            security_tree,
            report,
        ),
        drop_capabilities: security::capabilities(
            &context.capabilities.drop,
            "drop",
            security_tree,
            report,
        ),
        read_only_root: context.read_only_root_filesystem,
        no_new_privileges: context.allow_privilege_escalation == Some(false),
        mounts: Vec::new(),
        resources: resources::read(&container.resources, tree.value("resources"), report),
        // What it is given of this host, it is given when it starts.
        devices: Vec::new(),
        locks_memory: false,
        env,
    }
}

/// The variables in order, each with references to earlier ones expanded.
fn environment(
    container: &pod::Container,
    tree: &Tree,
    report: &mut Report,
) -> Vec<(String, String)> {
    let mut env: Vec<(String, String)> = Vec::new();
    for (index, variable) in container.env.iter().enumerate() {
        let name = &variable.name;
        if name.is_empty() || name.contains('=') || name.chars().any(char::is_control) {
            let place = tree.value("env").item(index).place_of("name");
            report.error(
                place,
                format!("`{name}` is not the name of a variable: no `=`, not empty"),
            );
        }
        let value = expand(&variable.value, &env);
        env.push((name.clone(), value));
    }
    env
}

/// Replaces `$(NAME)` by the variable's value, `$$` by `$`, and leaves unknown names as they are, as a kubelet does for
/// `command`, `args` and `env` (Kubernetes API reference, Container v1).
fn expand(text: &str, env: &[(String, String)]) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            expanded.push('$');
            rest = after;
        } else if let Some((name, after)) =
            rest.strip_prefix('(').and_then(|rest| rest.split_once(')'))
        {
            match env.iter().rev().find(|(known, _)| known == name) {
                Some((_, value)) => expanded.push_str(value),
                None => expanded.extend(["$(", name, ")"]),
            }
            rest = after;
        } else {
            expanded.push('$');
        }
    }
    expanded + rest
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn expands_as_a_kubelet_does() {
        let env = [
            ("A".to_owned(), "1".to_owned()),
            ("B".to_owned(), "$(A)".to_owned()),
        ];
        let cases = [
            ("x$(A)y", "x1y"),
            ("$(B)", "$(A)"),
            ("$$(A)", "$(A)"),
            ("$(NO)", "$(NO)"),
            ("$A $ $", "$A $ $"),
            ("$(A", "$(A"),
            ("$$$(A)", "$1"),
        ];
        for (text, expected) in cases {
            assert_eq!(expand(text, &env), expected, "{text}");
        }
    }
}
