import { showBanner } from './banner.ts'
import { type Config, ConfigError, loadConfig, secretsOf } from './config/config.ts'
import { sentenceOf } from './config/start-up-error.ts'
import { createLogger } from './logger.ts'
import { createTerminalLog } from './terminal-log.ts'
import { openWorker } from './worker.ts'

/** The process: environment, adapters, listen, signals. Nothing else touches `process`. */

function readConfig(): Config {
  try {
    return loadConfig(process.env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(error.message)
    process.exit(1)
  }
}

const config = readConfig()
/** A person reads along; what goes into a file or a pipe is for programs. */
const terminal = process.stdout.isTTY ? process.stdout : null
const log = createLogger({
  level: config.logLevel,
  hidden: secretsOf(config),
  ...(terminal && { destination: createTerminalLog(terminal), wholeRequests: true }),
})
const leaving = new AbortController()

let close = async (_options: { hurry: boolean }): Promise<void> => {}

async function leave(reason: string, exitCode: number): Promise<void> {
  if (leaving.signal.aborted) return
  log.info({ reason }, 'shutting down')
  leaving.abort(new Error(reason))
  setTimeout(() => {
    log.error('the grace period is over')
    process.exit(exitCode || 1)
  }, config.shutdownGraceMs).unref()
  await close({ hurry: exitCode !== 0 })
  log.info('stopped')
  process.exit(exitCode)
}

for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => void leave(name, 0))
process.on('uncaughtException', (err) => {
  log.fatal({ err }, 'uncaught exception')
  void leave('uncaughtException', 1)
})
process.on('unhandledRejection', (err) => {
  log.fatal({ err }, 'unhandled rejection')
  void leave('unhandledRejection', 1)
})

try {
  const worker = await openWorker({ config, log, signal: leaving.signal })
  close = worker.close
  const address = await worker.listen()
  if (terminal) {
    if (config.logLevel !== 'silent') showBanner(terminal, { address, config })
  } else if (config.mode.kind === 'embedded') {
    log.info(
      `Nothing is configured: Telegram is emulated on loopback. Open ${address} with any token that begins "demo"`,
    )
  }
} catch (err) {
  if (!leaving.signal.aborted) {
    const sentence = sentenceOf(err)
    if (sentence === null) log.fatal({ err }, 'the worker cannot start')
    else log.fatal({}, `the worker cannot start: ${sentence}`)
    // For a person this sentence is the end; how the process winds up is for a log.
    if (terminal) log.level = 'error'
    await leave('start-up failed', 1)
  }
}
