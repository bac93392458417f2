/**
 * What else takes chunks of a file over HTTP in Node, and writes them to files as they come.
 * `chunk-server.ts <http | multipart | tus> <folder>` prints its address; see `answer-commands.ts`.
 */
import { createWriteStream } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import multipart from '@fastify/multipart'
import { DataStore, Server, Upload } from '@tus/server'
import fastify from 'fastify'
import { MiB } from '../../src/lib/units.ts'

const [kind = '', folder = ''] = process.argv.slice(2)
let count = 0
const nextPath = (): string => join(folder, String(count++))

/** Node's own server, and a pipe. */
const bare: RequestListener = async (request, response) => {
  await pipeline(request, createWriteStream(nextPath()))
  response.end()
}

/** Fastify with its multipart plugin, streamed. */
async function startMultipart(): Promise<string> {
  const app = fastify()
  await app.register(multipart, { limits: { fileSize: 50 * MiB } })
  app.post('/', async (request) => {
    for await (const part of request.parts()) {
      if (part.type === 'file') await pipeline(part.file, createWriteStream(nextPath()))
    }
    return {}
  })
  return app.listen({ host: '127.0.0.1', port: 0 })
}

/** The tus project's server on a store that does no more than it must. */
function tus(): RequestListener {
  const uploads = new Map<string, Upload>()
  class Store extends DataStore {
    constructor() {
      super()
      this.extensions = ['creation', 'creation-with-upload']
    }
    override async create(upload: Upload): Promise<Upload> {
      uploads.set(upload.id, upload)
      return upload
    }
    override async write(
      source: NodeJS.ReadableStream,
      _id: string,
      offset: number,
    ): Promise<number> {
      const file = createWriteStream(nextPath())
      await pipeline(source, file)
      return offset + file.bytesWritten
    }
    override async getUpload(id: string): Promise<Upload> {
      return uploads.get(id) ?? new Upload({ id, offset: 0 })
    }
  }
  const server = new Server({ path: '/', datastore: new Store() })
  return (request, response) => server.handle(request, response)
}

async function startPlain(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const starts: Record<string, () => Promise<string>> = {
  http: () => startPlain(bare),
  multipart: startMultipart,
  tus: () => startPlain(tus()),
}
const url = await starts[kind]?.()
console.log(JSON.stringify({ url }))
