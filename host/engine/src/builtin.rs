use std::ptr::NonNull;

use wasmtime::component::Component;

use crate::code_memory::page_size;

/// A component that was compiled when this executable was built, and is part of it.
///
/// Made by [`embed_builtin!`](crate::embed_builtin).
#[derive(Clone, Copy)]
pub struct Builtin(&'static [u8]);

impl Builtin {
    /// Declares that these bytes are precompiled code that may be run with all rights of this process.
    ///
    /// # Safety
    /// The bytes are, unchanged, what `compile` returned. They are native code: what else they hold is
    /// executed or followed without any further check.
    #[allow(unsafe_code, reason = "the caller vouches for native code")]
    #[must_use]
    pub const unsafe fn from_precompiled(bytes: &'static [u8]) -> Self {
        Self(bytes)
    }

    /// Compiles a component that is part of this executable for this process alone. The native code stays in memory until
    /// the process ends, so this is for tools that do it once.
    ///
    /// # Errors
    /// The bytes are no component, or one that uses what is not supported.
    #[cfg(feature = "compiler")]
    pub fn compile(wasm: &[u8]) -> Result<Self, crate::CompileError> {
        let native = crate::compile(wasm, crate::Target::Machine)?;
        Ok(Self(native.leak()))
    }

    /// The size in bytes.
    #[must_use]
    pub fn size(self) -> usize {
        self.0.len()
    }

    /// Maps nothing and copies nothing: the pages of the executable are made executable where they lie. Bytes that do not
    /// begin on a page can't be, so those are copied.
    pub(crate) fn load(self, engine: &wasmtime::Engine) -> wasmtime::Result<Component> {
        let aligned = self.0.as_ptr().addr().is_multiple_of(page_size());
        // SAFETY: `from_precompiled` made its caller vouch that these bytes came from our compiler, and nobody writes to
        // `'static` shared bytes. wasmtime itself refuses what another version or other settings made.
        #[allow(unsafe_code, reason = "precompiled code is native code")]
        unsafe {
            if aligned {
                Component::deserialize_raw(engine, NonNull::from(self.0))
            } else {
                Component::deserialize(engine, self.0)
            }
        }
    }
}

/// Embeds a file made by `compile` for the baseline target: `embed_builtin!(env!("PLUGINS"))`.
///
/// The file becomes part of the executable at build time, page-aligned, so it is trusted as the executable is.
#[macro_export]
macro_rules! embed_builtin {
    ($path:expr $(,)?) => {{
        // The largest page that a kernel of the architecture may have.
        #[cfg_attr(target_arch = "x86_64", repr(C, align(4096)))]
        #[cfg_attr(not(target_arch = "x86_64"), repr(C, align(65536)))]
        struct PageAligned<Bytes: ?Sized>(Bytes);
        static BYTES: &PageAligned<[u8]> = &PageAligned(*include_bytes!($path));
        // SAFETY: the build made this file with the workspace's own compiler right before it was embedded.
        #[allow(unsafe_code, reason = "the build vouches for its own output")]
        const BUILTIN: $crate::Builtin = unsafe { $crate::Builtin::from_precompiled(&BYTES.0) };
        BUILTIN
    }};
}
