//! Writes manifests of real shape, for figures: `many_manifests FOLDER COUNT`. See
//! docs/saigakctl.md.

use std::path::Path;

/// A VM with its Service, its clients and policies; one with its cloud-init; an operator's values;
/// a workload.
const SHAPES: [&str; 4] = [
    include_str!("../tests/data/NW002/near-all-let-in.yaml"),
    include_str!("../tests/data/CI014/near-chown.yaml"),
    include_str!("../tests/data/GP004/near-bridged.yaml"),
    include_str!("../tests/data/WL001/near-class.yaml"),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "many_manifests FOLDER COUNT";
    let folder = arguments.next().ok_or(usage)?;
    let count: usize = arguments.next().ok_or(usage)?.parse()?;
    for index in 0..count {
        let shape = SHAPES[index % SHAPES.len()];
        // Names of their own, a hundred to a namespace.
        let text = shape
            .replace("embedder", &format!("embedder-{index}"))
            .replace(": ai\n", &format!(": ai-{}\n", index / 100))
            .replace("embedder.ai", &format!("embedder.ai-{}", index / 100));
        let part = Path::new(&folder).join(format!("{:03}", index / 100));
        std::fs::create_dir_all(&part)?;
        std::fs::write(part.join(format!("{index}.yaml")), text)?;
    }
    Ok(())
}
