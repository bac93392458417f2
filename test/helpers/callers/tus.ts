import { Upload, type UploadOptions } from 'tus-js-client'
import { MiB } from '../../../src/lib/units.ts'

/** The headers of every tus request of a user. */
export function tusHeaders(
  token: string | null,
  more: Record<string, string> = {},
): Record<string, string> {
  return {
    'tus-resumable': '1.0.0',
    ...(token !== null && { authorization: `Bearer ${token}` }),
    ...more,
  }
}

export interface TusUpload {
  upload: Upload
  /** Resolves with the uploadId at the end; rejects with what the client says at last. */
  finished: Promise<string>
}

/** A real tus-js-client with a file of these bytes, not started yet. */
export function makeTusUpload(
  url: string,
  bytes: Buffer,
  options: Partial<UploadOptions> & { token: string },
): TusUpload {
  const { promise: finished, resolve, reject } = Promise.withResolvers<string>()
  finished.catch(() => {})
  const { token, ...more } = options
  const upload: Upload = new Upload(bytes, {
    endpoint: `${url}/files`,
    headers: { Authorization: `Bearer ${token}` },
    metadata: { filename: 'film.mkv', filetype: 'video/x-matroska' },
    retryDelays: [0, 50, 100, 200, 400],
    chunkSize: 5 * MiB,
    ...more,
    onSuccess: () => resolve(uploadIdOf(upload)),
    onError: reject,
  })
  return { upload, finished }
}

export function uploadIdOf(upload: Pick<Upload, 'url'>): string {
  return idIn(upload.url)
}

/** The last segment of an upload's URL. */
export function idIn(url: string | null): string {
  const id = url?.split('/').at(-1)
  if (!id) throw new Error('the upload has no URL yet')
  return id
}

/** Creates an upload by hand; resolves with its id. */
export async function createTus(
  url: string,
  token: string,
  headers: Record<string, string>,
  body?: Uint8Array<ArrayBuffer>,
): Promise<string> {
  const response = await fetch(`${url}/files`, {
    method: 'POST',
    headers: tusHeaders(token, headers),
    ...(body !== undefined && { body }),
  })
  if (response.status !== 201)
    throw new Error(`creation: ${response.status} ${await response.text()}`)
  return idIn(response.headers.get('location'))
}

/** Sends bytes by hand. */
export function patchTus(
  url: string,
  uploadId: string,
  { offset, bytes, ...more }: PatchOptions,
): Promise<Response> {
  return fetch(`${url}/files/${uploadId}`, {
    method: 'PATCH',
    headers: tusHeaders(more.token === undefined ? 'token-ann' : more.token, {
      'upload-offset': String(offset),
      'content-type': 'application/offset+octet-stream',
      ...more.headers,
    }),
    body: new Uint8Array(bytes),
  })
}

export interface PatchOptions {
  offset: number
  bytes: Uint8Array
  /** Of the user ann by default; null for none. */
  token?: string | null
  headers?: Record<string, string>
}

/** The offset a HEAD tells; throws when it is refused. The token is of the user ann by default. */
export async function offsetOf(url: string, uploadId: string, token: string | null = 'token-ann') {
  const response = await fetch(`${url}/files/${uploadId}`, {
    method: 'HEAD',
    headers: tusHeaders(token),
  })
  if (response.status !== 200) throw new Error(`head: ${response.status}`)
  return Number(response.headers.get('upload-offset'))
}

/** `Upload-Metadata` of these values. */
export function metadataOf(values: Record<string, string>): string {
  const pairs = Object.entries(values)
  return pairs.map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`).join(',')
}
