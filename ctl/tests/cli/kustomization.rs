//! Kustomizations that say no more of themselves than kustomize asks for.

use crate::run::run;

#[test]
fn kustomization_is_known_by_its_name_alone() {
    let folder = tempfile::TempDir::new().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    // A patch is no machine: it is judged where it is put on one.
    write("kustomization.yaml", "resources: [vm.yaml]\npatches: [{path: patch.yaml}]\n");
    let vm = |spec: &str| {
        format!(
            "apiVersion: kubevirt.io/v1\nkind: VirtualMachine\nmetadata: {{name: a}}\n\
             spec: {{{spec}, template: {{spec: {{architecture: amd64, domain: {{}}}}}}}}\n"
        )
    };
    write("vm.yaml", &vm("runStrategy: Always"));
    write("patch.yaml", &vm("running: true"));
    let path = folder.path().to_str().unwrap();
    let ran = run(&["lint", "--fail-on=information", path], "");
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    // What it names is read, wherever it lies.
    let own = format!("{path}/kustomization.yaml");
    let found = run(&["lint", &own], "").stdout;
    assert!(found.starts_with("2 objects in 2 files"), "{found}");
}
