import { chunkAt } from '../../core/model/chunk-layout.ts'
import type { Log } from '../../core/ports/log.ts'
import type { ChunkRecord } from '../../core/ports/records.ts'
import {
  BYTES_LOST,
  type ChunkName,
  type MaintainedSpool,
  type PartialChunk,
  type ReceivedChunk,
  type Spool,
  type SpoolUpload,
} from '../../core/ports/spool.ts'
import { AppError, shuttingDown } from '../../errors.ts'
import { MiB } from '../../lib/units.ts'
import { createChunkCache } from './chunk-cache.ts'
import { createChunkIndex, type LocatedChunk } from './chunk-index.ts'
import { chunkPrefix, newChunkKey, newPieceKey, parseChunkKey, uploadPrefix } from './keys.ts'
import type { ObjectStore } from './object-store.ts'
import { chainPieces, digestOf, lengthOf, listPieces, type StoredPiece, salvage } from './pieces.ts'
import type { StoredObject } from './s3-answer.ts'
import { createWaitingChunks } from './waiting-chunks.ts'

export interface ObjectSpoolOptions {
  store: ObjectStore
  /** On this node's disk, where bytes are before the store has them, and copies of chunks. */
  local: MaintainedSpool
  /** Bytes of chunks that stay on this node's disk at the most, beside those that are read. */
  maxCacheBytes: number
  /** The rows of an upload's chunks, whichever node has written them. */
  acknowledged: (uploadId: string) => Promise<readonly ChunkRecord[]>
  log: Log
}

export interface ObjectSpool extends Spool {
  /** Copies of chunks on this node's disk, and how often they were of use. */
  readonly copies: { readonly bytes: number; readonly hits: number; readonly misses: number }
}

const NEVER = new AbortController().signal
/** Room on the disk that copies of chunks leave to what comes in. */
const LEAST_FREE_BYTES = 64 * MiB

/**
 * Keeps chunks in an object store, where every node of a cluster finds them. Bytes go to this node's
 * disk first, with their digest, and are a chunk once the store has them; the disk keeps a copy. What
 * the disk has is never the only copy of what was acknowledged: it is emptied at the start.
 *
 * Which of the objects are chunks say the ledger's rows alone.
 */
export async function createObjectSpool(options: ObjectSpoolOptions): Promise<ObjectSpool> {
  const { store, local, log } = options
  await emptyLocal(local)
  const cache = createChunkCache({ local, maxBytes: options.maxCacheBytes })
  const chunks = createChunkIndex(options.acknowledged)
  /** Chunks of streams that are whole, and that the store does not have yet. */
  const whole = createWaitingChunks()
  let isClosed = false

  async function receive(
    source: AsyncIterable<Uint8Array>,
    limits: Parameters<Spool['receive']>[1],
  ): Promise<ReceivedChunk> {
    await makeRoom(limits.expectedBytes ?? 0)
    return toStored(await local.receive(source, limits))
  }

  /** Copies give way to what comes in. */
  async function makeRoom(bytes: number): Promise<void> {
    if (cache.bytes === 0) return
    const { freeBytes } = await local.space()
    const missing = bytes + LEAST_FREE_BYTES - freeBytes
    if (missing > 0) await cache.shrink(missing)
  }

  /** The same bytes, which the store has once they are claimed. */
  function toStored(received: ReceivedChunk): ReceivedChunk {
    const { size, digest } = received
    return {
      size,
      digest,
      read: received.read,
      claim: async (upload, index) => {
        await putChunk(upload, index, received)
        await cache.keep(received)
      },
      unclaim: async (upload, index) => chunks.remove(upload, index),
      discard: received.discard,
    }
  }

  /** An object without a row is left to the sweep: its row may have been written, and its answer lost. */
  async function putChunk(
    upload: SpoolUpload,
    index: number,
    { size, digest, read }: Pick<ReceivedChunk, 'size' | 'digest' | 'read'>,
  ): Promise<void> {
    const key = newChunkKey(upload, { index, digest })
    await store.put(key, { size, digest, read })
    chunks.add(upload, { index, size, digest, key })
  }

  async function read(
    upload: SpoolUpload,
    layout: Parameters<Spool['read']>[1],
    offset: number,
    target: Uint8Array,
  ): Promise<void> {
    if (isClosed) throw shuttingDown()
    if (offset < 0 || offset + target.byteLength > layout.size) {
      throw new RangeError('the range is outside the file')
    }
    for (let filled = 0; filled < target.byteLength; ) {
      const { index, start, size } = chunkAt(layout, offset + filled)
      const from = offset + filled - start
      const length = Math.min(target.byteLength - filled, size - from)
      const chunk = await chunks.locate(upload, index)
      if (chunk === null) throw lostChunk(index)
      const place = { offset: from, target: target.subarray(filled, filled + length) }
      await cache.read({ digest: chunk.digest, size }, () => load(upload, chunk), place)
      filled += length
    }
  }

  /**
   * A chunk to this node's disk. Where one object of it is gone or damaged, another may be whole: one
   * that was lost is stored once more. Rejects with SPOOL_DAMAGED where none is.
   */
  async function load(upload: SpoolUpload, chunk: LocatedChunk): Promise<ReceivedChunk> {
    const { index, digest, key: known } = chunk
    if (known !== null) {
      const received = await downloadUndamaged(known, digest)
      if (received) return received
      chunks.remove(upload, index)
    }
    for (const key of await keysOf(upload, chunk)) {
      const received = key === known ? null : await downloadUndamaged(key, digest)
      if (received) return received
    }
    throw lostChunk(index)
  }

  /** The objects that a chunk's row may mean, the newest first. */
  async function keysOf(
    upload: SpoolUpload,
    { index, digest }: Pick<LocatedChunk, 'index' | 'digest'>,
  ): Promise<string[]> {
    const objects = await objectsAt(`${chunkPrefix(upload, index)}${digest}`)
    return objects.sort((a, b) => b.storedAt - a.storedAt).map(({ key }) => key)
  }

  async function downloadUndamaged(key: string, digest: string): Promise<ReceivedChunk | null> {
    try {
      return await download(key, digest)
    } catch (error) {
      if (!isDamage(error)) throw error
      log.warn({ key, err: error }, 'an object of a chunk is gone or damaged')
      return null
    }
  }

  /** An object to this node's disk. One that is not what its name says is asked for once more. */
  async function download(key: string, digest: string): Promise<ReceivedChunk> {
    for (let attempt = 1; ; attempt++) {
      const received = await store.get(key, (bytes) =>
        local.receive(bytes, { maxBytes: Number.MAX_SAFE_INTEGER, signal: NEVER }),
      )
      if (received.digest === digest) return received
      await received.discard()
      if (attempt > 1) throw damaged()
    }
  }

  async function objectsAt(prefix: string): Promise<StoredObject[]> {
    const found: StoredObject[] = []
    for await (const { objects } of store.list({ prefix })) found.push(...objects)
    return found
  }

  /** The object of a chunk: of several the one that was acknowledged, else the newest. */
  async function objectOf(
    upload: SpoolUpload,
    index: number,
  ): Promise<{ size: number; digest: string } | null> {
    const objects = await objectsAt(chunkPrefix(upload, index))
    const named = objects
      .flatMap((object) => {
        const key = parseChunkKey(upload, object.key)
        return key ? [{ ...object, digest: key.digest }] : []
      })
      .sort((a, b) => b.storedAt - a.storedAt)
    if (named.length < 2) return named[0] ?? null
    const row = await chunks.locate(upload, index)
    return named.find(({ digest }) => digest === row?.digest) ?? named[0] ?? null
  }

  async function append(
    name: ChunkName,
    source: AsyncIterable<Uint8Array>,
    { targetBytes, signal, mayFree = false }: Parameters<Spool['append']>[2],
  ): Promise<PartialChunk> {
    signal.throwIfAborted()
    const known = whole.get(name)
    const chain = known ? [] : chainPieces(await listPieces(store, name))
    const from = known?.size ?? lengthOf(chain)
    const salvaged = salvage(source, { room: targetBytes - from, signal })
    await makeRoom(0)
    const received = await local.receive(salvaged.bytes, {
      maxBytes: targetBytes,
      signal: NEVER,
      mayFree,
    })
    const size = from + received.size
    if (known && received.size === 0 && salvaged.failure === null) {
      await received.discard()
      return { size, whole: toWhole(name, known, []) }
    }
    if (size === targetBytes && salvaged.failure === null && chain.length === 0) {
      return { size, whole: toWhole(name, received, []) }
    }
    const added = await keepPiece(name, from, received)
    if (salvaged.failure) throw salvaged.failure.error
    if (size < targetBytes) return { size, whole: null }
    const pieces = [...chain, ...added]
    const bytes = () => readPieces(pieces)
    const joined: ReceivedChunk = {
      size,
      digest: await digestOf(bytes()),
      read: bytes,
      claim: async () => {},
      unclaim: async () => {},
      discard: async () => {},
    }
    return { size, whole: toWhole(name, joined, pieces) }
  }

  /** Puts bytes of a chunk that is not whole where every node finds them. */
  async function keepPiece(
    { upload, index }: ChunkName,
    from: number,
    received: ReceivedChunk,
  ): Promise<StoredPiece[]> {
    const { size, digest, read: readAgain } = received
    try {
      if (size === 0) return []
      const piece = { index, from, to: from + size, digest }
      const key = newPieceKey(upload, piece)
      await store.put(key, { size, digest, read: readAgain })
      await cache.keep(received)
      return [{ ...piece, key }]
    } finally {
      await received.discard()
    }
  }

  async function* readPieces(pieces: readonly StoredPiece[]): AsyncGenerator<Uint8Array> {
    for (const { key, digest, from, to } of pieces) {
      const target = Buffer.allocUnsafeSlow(to - from)
      const bring = () => download(key, digest)
      try {
        await cache.read({ digest, size: to - from }, bring, { offset: 0, target })
      } catch (error) {
        // Without it the chunk reaches up to here, which is where its sender goes on.
        if (isDamage(error)) await store.remove([key])
        throw error
      }
      yield target
    }
  }

  /** A chunk whose bytes have come in pieces, which stay until its row is written. */
  function toWhole(
    name: ChunkName,
    bytes: ReceivedChunk,
    pieces: readonly StoredPiece[],
  ): ReceivedChunk {
    let isClaimed = false
    if (pieces.length === 0) whole.set(name, bytes)
    return {
      size: bytes.size,
      digest: bytes.digest,
      read: bytes.read,
      claim: async () => {
        await putChunk(name.upload, name.index, bytes)
        isClaimed = true
        whole.forget(name)
        // Of one that came in pieces the disk has those.
        if (pieces.length === 0) await cache.keep(bytes)
      },
      // The sender was told of the pieces: they stay a partial chunk.
      unclaim: async () => {
        isClaimed = false
        chunks.remove(name.upload, name.index)
      },
      discard: async () => {
        if (whole.get(name) === bytes) whole.forget(name)
        await bytes.discard()
        const kept = isClaimed ? pieces.map(({ key }) => key) : []
        await store.remove(kept).catch((err: unknown) => {
          log.warn({ err }, 'pieces of a chunk stay in the object store until its upload ends')
        })
      },
    }
  }

  async function remove(upload: SpoolUpload): Promise<void> {
    chunks.forget(upload)
    await whole.drop(upload)
    await store.remove((await objectsAt(uploadPrefix(upload))).map(({ key }) => key))
  }

  async function partialBytes(name: ChunkName): Promise<number> {
    if (chunks.stored(name.upload, name.index)) return 0
    const known = whole.get(name)
    return known?.size ?? lengthOf(chainPieces(await listPieces(store, name)))
  }

  return {
    receive,
    append,
    read,
    remove,
    partialBytes,
    share: async (from, to) => {
      const chunk = await chunks.locate(from.upload, from.index)
      if (chunk === null) throw damaged()
      const source = chunk.key ?? (await keysOf(from.upload, chunk))[0]
      if (source === undefined) throw damaged()
      const key = newChunkKey(to.upload, { index: to.index, digest: chunk.digest })
      await store.copy(source, key)
      chunks.add(to.upload, { ...chunk, index: to.index, key })
    },
    chunkFileSize: async (upload, index) => (await objectOf(upload, index))?.size ?? null,
    removeChunk: async (upload, index) => {
      chunks.remove(upload, index)
      await store.remove((await objectsAt(chunkPrefix(upload, index))).map(({ key }) => key))
    },
    removeTemporary: local.removeTemporary,
    get copies() {
      return { bytes: cache.bytes, ...cache.reads }
    },
    // Copies give way to what comes in.
    incomingSpace: async () => {
      const { freeBytes, totalBytes } = await local.space()
      return { freeBytes: freeBytes + cache.bytes, totalBytes }
    },
    // How much an object store can take it does not say.
    space: async () => ({
      freeBytes: Number.POSITIVE_INFINITY,
      totalBytes: Number.POSITIVE_INFINITY,
    }),
    check: async () => {
      await local.check()
      await store.check()
    },
    close: async () => {
      isClosed = true
      store.close()
      await local.close()
    },
  }
}

/** What is there was left by a process that died; the store has what was acknowledged of it. */
async function emptyLocal(local: MaintainedSpool): Promise<void> {
  await local.removeTemporary()
  for (const id of await local.uploadIds()) await local.removeFolder(id)
}

/** A chunk of an upload that receives can be asked for again. */
function lostChunk(chunkIndex: number): AppError {
  return new AppError('SPOOL_DAMAGED', BYTES_LOST, { details: { chunkIndex } })
}

function damaged(): AppError {
  return new AppError('SPOOL_DAMAGED', BYTES_LOST)
}

function isDamage(error: unknown): boolean {
  return error instanceof AppError && error.code === 'SPOOL_DAMAGED'
}
