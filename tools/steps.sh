# shellcheck shell=bash
# The steps of ./test. Each is a function step_NAME that runs in the top folder, prints what it did,
# and fails when it had nothing to do: a missing input must not look like a passed test.
# REQUIRES: tools/common.sh, tools/build.sh, `set -euo pipefail`.
: "${root:?the top folder}"

python=/usr/bin/python3  # the one that Debian's python3-pytest belongs to
fuzz_seconds=20          # for each target
histories=10000          # of the simulator, of everything; each scenario gets a hundredth
sanitized_histories=40   # with AddressSanitizer; each scenario gets a twentieth
export step_limit=1800   # s: a step that hangs fails, and the others are still seen
ctest_options=(--output-on-failure --no-tests=error --timeout 900 -j "$(nproc)")

# Where a kernel spreads addresses widely, sanitizers now and then find their own places taken.
fixed_addresses=(env)
if setarch -R true 2>/dev/null; then fixed_addresses=(setarch -R); fi

# name | the step that it needs | what it does; in the order in which `all` runs them
steps_table='format||clang-format and shellcheck over all tracked files
structure||directions of includes, sizes of files
build||the release build, with tests
unit|build|unit and contract tests
servers|build|contract and fault tests against real servers, which they start
instructions|build|instructions of a request, compared with bench/instructions.json
lint||clang-tidy over the sources that changed since they were clean
api|build|the HTTP contract over real sockets
faults|build|kills, torn files, full disks
bench|build|bench/compare --quick: every system is measured, and nothing is left running
sim||the simulator: its own tests, every interleaving of small worlds, histories of each scenario
mutants|sim|planted mistakes, each of which the simulator must find
asan||unit and contract tests, and some histories, with AddressSanitizer and UBSan
tsan||unit and contract tests with ThreadSanitizer
fuzz||each fuzz target for '"$fuzz_seconds"' s'

all_steps() { cut -d'|' -f1 <<<"$steps_table"; }
step_before() { awk -F'|' -v name="$1" '$1 == name { print $2 }' <<<"$steps_table"; }
step_what() { awk -F'|' -v name="$1" '$1 == name { print $3 }' <<<"$steps_table"; }
list_steps() { awk -F'|' '{ printf "%-12s  %s\n", $1, $3 }' <<<"$steps_table"; }

nothing() {
  complain "$*"
  exit 1
}

# files PATTERN...: tracked and new ones, NUL-separated, without what .gitignore names.
files() {
  local file
  while IFS= read -r -d '' file; do
    if [[ -f $file ]]; then printf '%s\0' "$file"; fi
  done < <(git -c safe.directory="$root" ls-files -co --exclude-standard -z -- "$@" | sort -zu)
}

step_format() {
  files '*.hpp' '*.cpp' | xargs -0 -r -n 20 -P "$(nproc)" clang-format-16 --dry-run -Werror
  files run test .ci/run '*.sh' | xargs -0 shellcheck -x
}

step_structure() { "$python" tools/structure.py; }

step_build() {
  configure release with_tests
  build release
}

step_unit() { ctest --test-dir build/release "${ctest_options[@]}" -LE servers; }

# What measures or times out runs alone: RUN_SERIAL in tests/contract.
step_servers() {
  run_pytest tests/servers
  ctest --test-dir build/release --output-on-failure --no-tests=error --timeout 900 -L servers -j 3
}

step_lint() {
  configure release with_tests
  configure sim with_tests
  "$python" tools/lint.py
}

step_instructions() {
  run_pytest tests/tools
  tools/instructions
}

step_api() { run_pytest tests/api; }

step_faults() { run_pytest tests/faults; }

step_bench() {
  # Its tests are skipped where packages are missing; a skipped step must not look like a passed one.
  . tools/packages.sh
  need_packages bench
  run_pytest tests/bench
}

step_sim() {
  configure sim with_tests
  build sim sim_test log_twin_contract membership_twin_contract simulate exhaust
  build/sim/src/sim/sim_test --gtest_brief=1
  build/sim/log_twin_contract --gtest_brief=1
  build/sim/membership_twin_contract --gtest_brief=1
  build/sim/exhaust
  play sim "$histories" $((histories / 100))
}

step_mutants() { "$python" tests/mutants/run.py; }

step_asan() {
  export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1
  export UBSAN_OPTIONS=print_stacktrace=1
  run_sanitized asan
  configure asan-sim
  build asan-sim simulate
  play asan-sim "$sanitized_histories" $((sanitized_histories / 20))
}

step_tsan() {
  export TSAN_OPTIONS="suppressions=$root/tests/sanitizers/tsan.supp:second_deadlock_stack=1"
  run_sanitized tsan
}

step_fuzz() {
  if [[ ! -f fuzz/CMakeLists.txt ]]; then nothing "fuzz/ does not exist"; fi
  configure fuzz
  build fuzz fuzz/all
  local target name found=0 status=0
  mkdir -p build/fuzz/findings
  for target in build/fuzz/fuzz/*; do
    if [[ ! -f $target || ! -x $target ]]; then continue; fi
    found=1 name=${target##*/}
    if [[ ! -d fuzz/corpus/$name ]]; then nothing "fuzz/corpus/$name does not exist"; fi
    say "$name for $fuzz_seconds s"
    # What it discovers goes to the first folder; the corpus in the repository grows by hand.
    mkdir -p "build/fuzz/discovered/$name"
    "${fixed_addresses[@]}" "$target" -max_total_time="$fuzz_seconds" -timeout=10 -print_final_stats=1 \
      -artifact_prefix="build/fuzz/findings/$name-" \
      "build/fuzz/discovered/$name" "fuzz/corpus/$name" || status=1
  done
  if [[ $found == 0 ]]; then nothing "there is no fuzz target in fuzz/"; fi
  return "$status"
}

# The edges (HTTP, command line) are tested from outside, and are what costs most to compile.
run_sanitized() {
  local preset=$1 edges='gateway|cli' targets
  configure "$preset" with_tests
  build "$preset" build.ninja  # it may have to learn of new programs
  mapfile -t targets < <(ninja -C "build/$preset" -t targets all |
    sed -nE 's/^([a-z_]+_test): phony$/\1/p' | grep -vE "^($edges)_test$")
  if [[ ${#targets[@]} == 0 ]]; then nothing "there are no test programs to build"; fi
  build "$preset" "${targets[@]}"
  "${fixed_addresses[@]}" ctest --test-dir "build/$preset" "${ctest_options[@]}" -LE servers -E "^($edges)(_test)?$"
}

# play PRESET HISTORIES EACH: so many histories of everything, and EACH of every other scenario.
play() {
  local simulate=("${fixed_addresses[@]}" "build/$1/simulate") scenario found=0
  "${simulate[@]}" --seeds 1.."$2"
  for scenario in tests/scenarios/*.toml; do
    if [[ ! -f $scenario ]]; then nothing "tests/scenarios has none"; fi
    found=1
    if [[ $scenario == */mixed.toml ]]; then continue; fi
    "${simulate[@]}" --scenario "$scenario" --seeds 1.."$3"
  done
  if [[ $found == 0 ]]; then nothing "tests/scenarios does not exist"; fi
}

run_pytest() {
  if [[ ! -d $1 ]]; then nothing "$1 does not exist"; fi
  "$python" -m pytest -ra "$1"
}
