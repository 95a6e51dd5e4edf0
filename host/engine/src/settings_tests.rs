use super::*;

#[test]
fn the_name_of_the_settings_is_stable_within_a_build() {
    assert_eq!(compatibility(), compatibility());
    assert_eq!(compatibility().len(), 32);
}

#[cfg(feature = "compiler")]
mod with_compiler {
    use std::hash::{DefaultHasher, Hash, Hasher};

    use wasmtime::component::Component;

    use super::*;

    fn compatibility_hash(config: &Config) -> u64 {
        let engine = wasmtime::Engine::new(config).unwrap();
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        hasher.finish()
    }

    /// Running never has a compiler, whose own settings are part of the hash, so it is taken away from both sides.
    #[test]
    fn both_sides_agree_on_everything_but_the_compiler() {
        let running = compatibility_hash(&config(None).unwrap());
        for target in [Target::Baseline, Target::Machine] {
            let mut compiling = config(Some(target)).unwrap();
            compiling.enable_compiler(false);
            assert_eq!(compatibility_hash(&compiling), running, "{target:?}");
        }
    }

    #[test]
    fn what_one_side_compiles_the_other_loads() {
        let wasm = wat::parse_str(r#"(component (core module (func (export "f"))))"#).unwrap();
        let engine = crate::Engine::new().unwrap();
        for target in [Target::Baseline, Target::Machine] {
            let native = crate::compile(&wasm, target).unwrap();
            // SAFETY: compiled on the line before.
            #[allow(unsafe_code, reason = "precompiled code is native code")]
            let loaded = unsafe { Component::deserialize(engine.wasmtime(), native) };
            assert!(loaded.is_ok(), "{target:?}: {:?}", loaded.err());
        }
    }
}
