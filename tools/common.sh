# shellcheck shell=bash
# What every script shares.

# Colours only where somebody sees them. Found out here, since inside $(...) stdout is a pipe.
seen_by_somebody=
if [[ -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
  for fd in 1 2; do if [[ -t $fd ]]; then seen_by_somebody+=$fd; fi; done
fi

colour() {  # colour FD NUMBER TEXT
  if [[ $seen_by_somebody == *"$1"* ]]; then
    printf '\e[%sm%s\e[0m' "$2" "$3"
  else
    printf '%s' "$3"
  fi
}

# Messages go to stderr: stdout belongs to the program that is started.
say() { printf '%s %s\n' "$(colour 2 1 '==>')" "$*" >&2; }
complain() { printf '%s %s\n' "$(colour 2 31 'error:')" "$*" >&2; }

# A closed stdin would hand descriptor 0 to the next file that is opened.
open_stdin() {
  if ! { : <&0; } 2>/dev/null; then exec </dev/null; fi
}
