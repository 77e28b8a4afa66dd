//! The keys of a Kubernetes pod that Pinwire knows and does not carry out: harmless ones are warned about, those whose
//! absence would change what runs are refused. Keys that it does carry out are the fields of [`super::pod`].
//!
//! Source: the API reference of Kubernetes 1.33, core/v1.

use Verdict::{NoEffect, Refused};

/// What becomes of a key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Verdict {
    /// The pod runs without it, for the given reason.
    NoEffect(&'static str),
    /// Without it something else would run.
    Refused(&'static str),
}

/// What becomes of `key` in the struct that serde knows as `name`; `None` if no pod has such a key.
pub(crate) fn verdict(name: &str, key: &str) -> Option<Verdict> {
    table(name)
        .iter()
        .find(|(known, _)| *known == key)
        .map(|(_, verdict)| *verdict)
}

/// All keys with a verdict, for suggestions.
pub(crate) fn keys(name: &str) -> impl Iterator<Item = &'static str> {
    table(name).iter().map(|(key, _)| *key)
}

type Table = &'static [(&'static str, Verdict)];

fn table(name: &str) -> Table {
    match name {
        "Pod" => POD,
        "Metadata" => METADATA,
        "Spec" => SPEC,
        "Container" => CONTAINER,
        "Variable" => VARIABLE,
        "ContainerSecurity" => CONTAINER_SECURITY,
        "PodSecurity" => POD_SECURITY,
        "Seccomp" => SECCOMP,
        "Resources" => RESOURCES,
        "VolumeMount" => VOLUME_MOUNT,
        "Volume" => VOLUME,
        _ => &[],
    }
}

const CLUSTER: &str = "it is for a cluster";
const SCHEDULER: &str = "all pods run on this host, without a scheduler";
const SERVER: &str = "the API server writes it";
const NO_IDENTITY: &str = "there is no API server to talk to";
const NO_PROBES: &str = "containers are not probed";

const POD: Table = &[("status", NoEffect(SERVER))];

const METADATA: Table = &[
    ("creationTimestamp", NoEffect(SERVER)),
    ("deletionGracePeriodSeconds", NoEffect(SERVER)),
    ("deletionTimestamp", NoEffect(SERVER)),
    ("finalizers", NoEffect(CLUSTER)),
    (
        "generateName",
        Refused("a node needs a name of its own: give `name`"),
    ),
    ("generation", NoEffect(SERVER)),
    ("managedFields", NoEffect(SERVER)),
    ("ownerReferences", NoEffect(CLUSTER)),
    ("resourceVersion", NoEffect(SERVER)),
    ("selfLink", NoEffect(SERVER)),
    ("uid", NoEffect(SERVER)),
];

const SPEC: Table = &[
    (
        "activeDeadlineSeconds",
        Refused("pods run until they are taken down"),
    ),
    ("affinity", NoEffect(SCHEDULER)),
    ("automountServiceAccountToken", NoEffect(NO_IDENTITY)),
    ("dnsConfig", Refused("a topology has no name server")),
    ("dnsPolicy", NoEffect("a topology has no name server")),
    ("enableServiceLinks", NoEffect("there are no services")),
    (
        "ephemeralContainers",
        Refused("list the containers under `containers`"),
    ),
    ("hostAliases", Refused("/etc/hosts is the image's own")),
    (
        "hostIPC",
        Refused("every pod has an IPC namespace of its own"),
    ),
    (
        "hostNetwork",
        Refused("a node of a topology has a network namespace of its own"),
    ),
    (
        "hostPID",
        Refused("every container has a PID namespace of its own"),
    ),
    (
        "hostUsers",
        NoEffect("containers run in the host's user namespace"),
    ),
    ("hostnameOverride", Refused("write `hostname`")),
    (
        "imagePullSecrets",
        NoEffect("images are imported, not pulled with credentials"),
    ),
    (
        "initContainers",
        Refused("containers all start at once: do the work in the container itself"),
    ),
    ("nodeName", NoEffect(SCHEDULER)),
    ("nodeSelector", NoEffect(SCHEDULER)),
    ("os", NoEffect("only Linux is run")),
    ("overhead", NoEffect(SCHEDULER)),
    ("preemptionPolicy", NoEffect(SCHEDULER)),
    ("priority", NoEffect(SCHEDULER)),
    ("priorityClassName", NoEffect(SCHEDULER)),
    ("readinessGates", NoEffect(NO_PROBES)),
    (
        "resourceClaims",
        Refused("dynamic resource allocation needs a cluster"),
    ),
    ("resources", Refused("write `resources` of each container")),
    ("schedulerName", NoEffect(SCHEDULER)),
    ("schedulingGates", NoEffect(SCHEDULER)),
    ("serviceAccount", NoEffect(NO_IDENTITY)),
    ("serviceAccountName", NoEffect(NO_IDENTITY)),
    ("setHostnameAsFQDN", Refused("a topology has no domain")),
    (
        "shareProcessNamespace",
        Refused("every container has a PID namespace of its own"),
    ),
    ("subdomain", NoEffect("a topology has no domain")),
    ("tolerations", NoEffect(SCHEDULER)),
    ("topologySpreadConstraints", NoEffect(SCHEDULER)),
];

const CONTAINER: Table = &[
    (
        "envFrom",
        Refused("there is no ConfigMap or Secret to read: write the values under `env`"),
    ),
    ("lifecycle", Refused("hooks are not run")),
    ("livenessProbe", NoEffect(NO_PROBES)),
    (
        "ports",
        NoEffect("every port of a node can be reached by its links"),
    ),
    ("readinessProbe", NoEffect(NO_PROBES)),
    (
        "resizePolicy",
        NoEffect("resources are set once, at the start"),
    ),
    (
        "restartPolicy",
        Refused("only a pod has a restart policy here"),
    ),
    ("startupProbe", NoEffect(NO_PROBES)),
    (
        "stdin",
        NoEffect("a terminal is attached by the command that asks for one"),
    ),
    (
        "stdinOnce",
        NoEffect("a terminal is attached by the command that asks for one"),
    ),
    (
        "terminationMessagePath",
        NoEffect("no termination message is read"),
    ),
    (
        "terminationMessagePolicy",
        NoEffect("no termination message is read"),
    ),
    (
        "tty",
        NoEffect("a terminal is attached by the command that asks for one"),
    ),
    (
        "volumeDevices",
        Refused("persistent volumes need a cluster"),
    ),
];

const VARIABLE: Table = &[(
    "valueFrom",
    Refused("there is no API server to read it from: write the value under `value`"),
)];

const CONTAINER_SECURITY: Table = &[
    ("appArmorProfile", Refused("no AppArmor profile is loaded")),
    ("procMount", Refused("/proc is always masked")),
    ("seLinuxOptions", Refused("SELinux labels are not set")),
    ("windowsOptions", Refused("only Linux is run")),
];

const POD_SECURITY: Table = &[
    ("appArmorProfile", Refused("no AppArmor profile is loaded")),
    ("fsGroup", Refused("the owner of volumes is not changed")),
    (
        "fsGroupChangePolicy",
        NoEffect("the owner of volumes is not changed"),
    ),
    (
        "seLinuxChangePolicy",
        NoEffect("SELinux labels are not set"),
    ),
    ("seLinuxOptions", Refused("SELinux labels are not set")),
    (
        "supplementalGroupsPolicy",
        NoEffect("groups of the image are not merged"),
    ),
    (
        "sysctls",
        Refused("write `sysctls` of the annotation `pinwire.dev/forwarding`"),
    ),
    ("windowsOptions", Refused("only Linux is run")),
];

const SECCOMP: Table = &[(
    "localhostProfile",
    Refused("only the built-in profile is applied"),
)];

const RESOURCES: Table = &[(
    "claims",
    Refused("dynamic resource allocation needs a cluster"),
)];

const VOLUME_MOUNT: Table = &[
    ("mountPropagation", Refused("mounts do not propagate")),
    ("recursiveReadOnly", Refused("`readOnly` is not recursive")),
    ("subPath", Refused("mount the directory itself")),
    ("subPathExpr", Refused("mount the directory itself")),
];

const NO_STORAGE: &str = "there is no cluster to fetch it from: use `hostPath` or `emptyDir`";

const VOLUME: Table = &[
    ("awsElasticBlockStore", Refused(NO_STORAGE)),
    ("azureDisk", Refused(NO_STORAGE)),
    ("azureFile", Refused(NO_STORAGE)),
    ("cephfs", Refused(NO_STORAGE)),
    ("cinder", Refused(NO_STORAGE)),
    ("configMap", Refused(NO_STORAGE)),
    ("csi", Refused(NO_STORAGE)),
    ("downwardAPI", Refused(NO_STORAGE)),
    ("ephemeral", Refused(NO_STORAGE)),
    ("fc", Refused(NO_STORAGE)),
    ("flexVolume", Refused(NO_STORAGE)),
    ("flocker", Refused(NO_STORAGE)),
    ("gcePersistentDisk", Refused(NO_STORAGE)),
    ("gitRepo", Refused(NO_STORAGE)),
    ("glusterfs", Refused(NO_STORAGE)),
    ("image", Refused(NO_STORAGE)),
    ("iscsi", Refused(NO_STORAGE)),
    ("nfs", Refused(NO_STORAGE)),
    ("persistentVolumeClaim", Refused(NO_STORAGE)),
    ("photonPersistentDisk", Refused(NO_STORAGE)),
    ("portworxVolume", Refused(NO_STORAGE)),
    ("projected", Refused(NO_STORAGE)),
    ("quobyte", Refused(NO_STORAGE)),
    ("rbd", Refused(NO_STORAGE)),
    ("scaleIO", Refused(NO_STORAGE)),
    ("secret", Refused(NO_STORAGE)),
    ("storageos", Refused(NO_STORAGE)),
    ("vsphereVolume", Refused(NO_STORAGE)),
];
