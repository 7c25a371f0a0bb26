/* drop.c - the functions that readers leave out with all that they called: allocators' wrappers.
 *
 * The sample holds them, but who allocates is asked of the function that wrote `new` or
 * `push_back`. A reader removes the outermost frame whose whole name matches, without its
 * parameters, and what it called. So nothing may be here that calls the user's code: not
 * _M_allocate_node, which constructs what it made room for, nor what a thread begins with. */
/* SPDX-License-Identifier: MIT */
#include "encoder/making.h"

/* What full Rust names end with, and what v0 writes behind a crate's. */
#define HASH  "(::h[0-9a-f]{16})?"
#define CRATE "(\\[[0-9a-f]+\\])?::"

static const char heap[] =
    /* C, where an allocator was found before ours, or the loader's own was inlined */
    "(__libc_|__rtld_|je_|tc_|mi_)?(malloc|calloc|realloc|reallocarray|memalign|aligned_alloc|"
    "valloc|pvalloc|posix_memalign)|"
    /* C++: libstdc++ and libc++ */
    "operator new(\\[\\])?|"
    "(std|__gnu_cxx)::.*(allocator|allocator_traits|_Alloc_traits|alloc_traits)(<.*>)?::"
    "(_S_)?allocate|"
    "std::.*::_M_(allocate|allocate_map|allocate_buckets|get_node)|"
    "std::.*basic_string(<.*>)?::_M_create|std::.*::_Rep::_S_create|"
    "std::__allocate_guarded(<.*>)?|"
    "std::__[0-9a-z]+::(__libcpp_allocate|__libcpp_operator_new|__allocate_at_least)(<.*>)?|"
    /* Rust, legacy and v0 */
    "(__rustc" CRATE ")?__r(ust|dl|g)_(alloc|alloc_zeroed|realloc)|"
    "alloc" CRATE "alloc::(alloc|alloc_zeroed|realloc|exchange_malloc|Global::[a-z_]+)" HASH "|"
    "<alloc" CRATE "alloc::Global( as .*)?>::[a-z_]+" HASH "|"
    "alloc" CRATE "boxed::box_new_uninit" HASH "|"
    "<?alloc" CRATE "raw_vec::.*|"
    "std" CRATE "sys::((pal::)?unix::)?alloc::.*";

/* The first functions of a thread are called as those that make it, but for an end:
 * spawn::{closure}. With generic arguments that end may be behind a parenthesis, where readers do
 * not look. */
static const char threads[] =
    "pthread_create|thrd_create|"
    "std::thread::_M_start_thread|std::j?thread::j?thread(<.*>)?|std::jthread::_S_create(<.*>)?|"
    "std::__[0-9a-z]+::(thread::thread|__libcpp_thread_create)(<.*>)?|"
    "<?std" CRATE "sys::[a-z:]*thread[a-z:]*::Thread>?::new" HASH "|"
    "std" CRATE "thread::([a-z]+::)?(Builder::)?spawn(_unchecked_?|_inner)?" HASH;

const char *cp_drop_frames(enum cp_profile which)
{
	static const char *const texts[CP_PROFILES] = {
	    [CP_PROFILE_HEAP] = heap, [CP_PROFILE_THREADS] = threads};
	return texts[which] ? texts[which] : "";
}
