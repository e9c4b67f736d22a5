//! Generates the bindings; protoc is taken from PATH, or from the variable PROTOC.
fn main() -> std::io::Result<()> {
    let protos: Vec<_> = std::fs::read_dir("protos/tollhouse/v1")?
        .map(|entry| entry.map(|file| file.path()))
        .collect::<Result<_, _>>()?;
    tonic_prost_build::configure()
        .build_server(false)
        .compile_protos(&protos, &["protos".into()])
}
