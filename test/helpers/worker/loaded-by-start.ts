/**
 * A process: opens a worker in backend mode, and prints the files that its start has loaded and the
 * modules of Node itself, as one line of JSON.
 */
import { registerHooks } from 'node:module'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const [dataDir = ''] = process.argv.slice(2)
const files: string[] = []
registerHooks({
  load: (url, context, next) => {
    if (url.startsWith('file:')) files.push(relative(root, fileURLToPath(url)))
    return next(url, context)
  },
})

const { loadConfig, openWorker } = await import('../../../src/worker.ts')
const worker = await openWorker({
  config: loadConfig({
    DATA_DIR: dataDir,
    BACKEND_URL: 'http://127.0.0.1:9',
    LOG_LEVEL: 'silent',
  }),
})
await worker.listen({ port: 0, host: '127.0.0.1' })
// No type knows of this list.
const modules: string[] = Reflect.get(process, 'moduleLoadList')
console.log(JSON.stringify([...files, ...modules]))
await worker.close({ hurry: true })
