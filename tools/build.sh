# shellcheck shell=bash
# Configures and builds presets. REQUIRES: tools/common.sh.
: "${root:?the top folder}"

export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}  # precompiled headers hit

# configure PRESET [with_tests]
#
# Runs cmake only when it has to: never configured, other presets, a moved clone, or tests wanted in
# a tree without. A tree with tests serves callers without them, so ./run and ./test share one.
# Later changes of CMakeLists.txt are ninja's business.
configure() {
  local preset=$1 tests=${2:+ with_tests} folder=$root/build/$1
  local launcher wanted stamp=
  launcher=$(command -v ccache || true)
  wanted="$root $launcher $(cksum <"$root/CMakePresets.json")"
  mkdir -p "$folder"
  if [[ -f $folder/build.ninja && -f $folder/configured ]]; then stamp=$(<"$folder/configured"); fi
  if [[ $stamp == "$wanted$tests" || $stamp == "$wanted with_tests" ]]; then return 0; fi

  say "configuring build/$preset"
  rm -f "$folder/configured"
  locked "$preset" cmake --fresh -S "$root" --preset "$preset" --log-level=WARNING \
    -DCMAKE_CXX_COMPILER_LAUNCHER="$launcher" -DSETTLE_TESTS="${tests:+ON}" || return
  printf '%s' "$wanted$tests" >"$folder/configured"
}

# build PRESET [TARGET...]: on all cores. REQUIRES: configured.
build() {
  local preset=$1
  shift
  say "building build/$preset${*:+: $*}"
  locked "$preset" ninja -C "$root/build/$preset" "$@"
}

# locked PRESET COMMAND...: one caller at a time works on a build tree.
locked() {
  (
    flock 9
    "${@:2}" 9>&-
  ) 9>"$root/build/$1.lock"
}
