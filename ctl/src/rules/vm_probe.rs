//! Probes.

use crate::fix::Edit;
use crate::input::{Inputs, Vm};
use crate::lint::{Found, Rule, Severity};
use crate::yaml::{Entry, Node};

use super::guest::ollama_host;

pub(crate) static VM006: Rule = Rule {
    id: "VM006",
    severity: Severity::Warning,
    title: "a VM behind a Service without a readiness probe",
    cause: "Without one, a VM is Ready as soon as it runs. The Service sends clients to a guest \
            that boots, that has no network, or whose server is gone.",
    evidence: "The VM is Running and Ready, and its Service has an endpoint that refuses or never \
               answers.",
    fix: "add a readinessProbe, best one that asks the service itself: httpGet of /readyz at the \
          agent's port",
    check: no_probe,
};

fn no_probe(inputs: &Inputs, found: &mut Found) {
    for vm in inputs.machines() {
        // One that publishes what is not ready does not ask for readiness.
        let mut services = inputs.services(vm).filter(|s| {
            !s.root.at(&["spec", "publishNotReadyAddresses"]).is_some_and(Node::is_true)
        });
        let service = services.next();
        if let (Some(service), None) = (service, vm.spec().get("readinessProbe")) {
            found
                .add(vm.domain_place(), "no readiness probe: Ready will mean no more than Running")
                .see(service.place(), "this Service believes it");
        }
    }
}

/// The probes of a machine.
pub(super) fn probes(vm: Vm<'_>) -> impl Iterator<Item = &Entry> {
    ["readinessProbe", "livenessProbe"].into_iter().filter_map(move |kind| vm.spec().entry(kind))
}

pub(crate) static VM008: Rule = Rule {
    id: "VM008",
    severity: Severity::Warning,
    title: "a liveness probe that can fire during the first boot",
    cause: "A liveness probe that fails stops the VM. The first boot installs drivers and pulls a \
            model, which takes many minutes, and is started over each time.",
    evidence: "The VM restarts again and again and never finishes cloud-init.",
    fix: "drop the liveness probe: readiness keeps clients away, and the agent repairs inside",
    check: early_liveness,
};

/// How long a first boot may well take, in seconds: packages, drivers and a model.
const FIRST_BOOT: i64 = 1800;

fn early_liveness(inputs: &Inputs, found: &mut Found) {
    for vm in inputs.machines() {
        let Some(entry) = vm.spec().entry("livenessProbe") else { continue };
        let probe = &entry.value;
        if probe.get("httpGet").is_none() && probe.get("exec").is_none() {
            continue;
        }
        // The defaults are Kubernetes'.
        let number = |key: &str, default| probe.get(key).and_then(Node::number).unwrap_or(default);
        let fails = number("periodSeconds", 10).saturating_mul(number("failureThreshold", 3));
        let after = number("initialDelaySeconds", 0).saturating_add(fails);
        if after < FIRST_BOOT {
            found.add(
                entry.place,
                format!("this stops a guest that is still installing after {after} s"),
            );
        }
    }
}

pub(crate) static VM015: Rule = Rule {
    id: "VM015",
    severity: Severity::Warning,
    title: "a probe that gives up after a second, or that asks nothing",
    cause: "timeoutSeconds is 1 unless set, and a busy guest takes longer now and then. And \
            Ollama's / says that it runs, also while no request is answered.",
    evidence: "The VM becomes unready under load, or stays ready while embeddings hang.",
    fix: "set timeoutSeconds to 3, and ask /readyz of the agent instead of Ollama's /",
    check: weak_probe,
};

fn weak_probe(inputs: &Inputs, found: &mut Found) {
    for vm in inputs.machines() {
        for entry in probes(vm) {
            let probe = &entry.value;
            // A ping of the guest agent has no connection to wait for.
            if probe.get("guestAgentPing").is_some() {
                continue;
            }
            let timeout = probe.entry("timeoutSeconds");
            if timeout.is_none_or(|timeout| timeout.value.number() == Some(1)) {
                let place = timeout.map_or(entry.place, |timeout| timeout.place);
                let finding = found.add(place, format!("{} gives up after 1 s", entry.key));
                finding.edit(match timeout {
                    Some(timeout) => Edit::bare(timeout.value.place, "1", "3"),
                    None => Edit::key(probe, "timeoutSeconds", "3"),
                });
            }
            let port = probe.at(&["httpGet", "port"]).and_then(Node::number);
            let path = probe.at(&["httpGet", "path"]);
            if port == Some(i64::from(ollama_port(vm, inputs)))
                && path.is_none_or(|path| path.text() == Some("/"))
            {
                let place = path.map_or(entry.place, |path| path.place);
                found.add(place, "Ollama's / answers also while no embedding does");
            }
        }
    }
}

/// Where the machine's Ollama listens.
fn ollama_port(vm: Vm<'_>, inputs: &Inputs) -> u16 {
    let cloud = vm.machine.cloud_init.as_ref();
    let user = cloud.and_then(|cloud| cloud.user.known(&inputs.user_data));
    user.and_then(ollama_host).map_or(super::guest::OLLAMA_PORT, |host| host.port)
}
