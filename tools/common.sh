# shellcheck shell=bash
# What every script shares.

# Colours only where somebody sees them; messages go to stderr, since stdout may be read by a program.
colour() {  # colour FD NUMBER TEXT
  if [[ -t $1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
    printf '\e[%sm%s\e[0m' "$2" "$3"
  else
    printf '%s' "$3"
  fi
}

say() { printf '%s %s\n' "$(colour 2 1 '==>')" "$*" >&2; }
complain() { printf '%s %s\n' "$(colour 2 31 'error:')" "$*" >&2; }

# A closed stdin would hand descriptor 0 to the next file that is opened.
open_stdin() {
  if ! { : <&0; } 2>/dev/null; then exec </dev/null; fi
}
