# shellcheck shell=bash
# Finds and installs missing Debian packages. REQUIRES: tools/common.sh.
: "${root:?the top folder}"

# need_packages LIST...
#
# Makes sure that every package of tools/packages/LIST.txt is there. Costs one dpkg-query when
# nothing is missing; otherwise says what is missing, and installs it with apt or says how to.
need_packages() {
  local lists=("${@/%/.txt}")
  local missing
  missing=$(missing_packages "${lists[@]/#/$root/tools/packages/}") || return
  [[ -n $missing ]] || return 0

  say "missing packages:"
  while read -r name why; do printf '      %-23s %s\n' "$name" "$why" >&2; done <<<"$missing"
  local names
  mapfile -t names < <(cut -d' ' -f1 <<<"$missing")

  if ! command -v apt-get >/dev/null; then
    complain "cannot install them: this system has no apt-get (the scripts know Debian 12)."
    say "install what corresponds to the packages above (those are Debian's names), then:" \
      "cmake --preset release -DSETTLE_TESTS=OFF && cmake --build --preset release --target settle"
    return 1
  fi
  local as_root
  if [[ $(id -u) == 0 ]]; then
    as_root=(env)
  elif command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then
    as_root=(sudo env)
  else
    complain "cannot install them: neither root nor sudo. Somebody who may should run:"
    printf '      apt-get update && apt-get install --no-install-recommends %s\n' "${names[*]}" >&2
    return 1
  fi
  apt_install "${names[@]}"
}

# Prints `name why` for each package of the list files that is not installed.
missing_packages() {
  # Where there is no dpkg, all of them are missing.
  { dpkg-query -W -f='${db:Status-Status} ${Package}\n' 2>/dev/null || true; } |
    awk 'FILENAME == "-" { if ($1 == "installed") there[$2] = 1; next }
         /^#/ || NF == 0 || $1 in there { next }
         { name = $1; $1 = ""; print name $0 }' - "$@"
}

# REQUIRES: as_root, a command prefix that gives the rights.
apt_install() {
  local log=$root/build/install.log
  local apt=("${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -q
    -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300)
  mkdir -p "${log%/*}"
  say "installing $# packages with apt (a minute or two; details in build/install.log)"
  if "${apt[@]}" update >"$log" 2>&1 &&
    "${apt[@]}" install -y --no-install-recommends "$@" >>"$log" 2>&1; then
    return 0
  fi
  tail -n 20 "$log" >&2
  complain "apt could not install them (the scripts are made for Debian 12 \"bookworm\")."
  return 1
}
