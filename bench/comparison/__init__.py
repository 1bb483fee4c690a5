"""The parts of `bench/compare`, in reading order: `processes` (what is started, and stopped
again), `load` (one measurement), `settle`, `postgres`, `naive` and `bare` (the systems),
`campaign` (which is measured when), `machine`, and `page` with `plots` (what is made of it)."""
