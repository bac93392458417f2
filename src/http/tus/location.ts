import { TUS_PATH } from './protocol.ts'

/**
 * Where a created upload is, for `Location`: whole where the address of the worker's root is known,
 * which some clients need; else relative to the path of the request (RFC 3986, section 5.2), because
 * a proxy may have taken a prefix off that path. `requestUrl` is the request's path and query.
 */
export function locationOf(uploadId: string, root: string | null, requestUrl: string): string {
  if (root !== null) return `${root}${TUS_PATH}/${uploadId}`
  const [path = ''] = requestUrl.split('?', 1)
  const folder = path.slice(path.lastIndexOf('/') + 1)
  return folder === '' ? uploadId : `${folder}/${uploadId}`
}
