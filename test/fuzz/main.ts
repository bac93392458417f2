import { spawn } from 'node:child_process'
import { parseArgs } from 'node:util'

/** `npm run fuzz -- --runs 100000 --seed 7`: the fuzz of the suite, for as long as one likes. */

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '50000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
})
const env = { ...process.env, FUZZ_RUNS: values.runs, FUZZ_SEED: values.seed }
console.log(`${values.runs} requests, seed ${values.seed}`)
const child = spawn('npx', ['vitest', 'run', 'test/fuzz/fuzz.test.ts', '-t', 'made with seed'], {
  stdio: 'inherit',
  env,
})
child.once('exit', (code) => process.exit(code ?? 1))
