import { crc32 } from 'node:zlib'

/** The files of a ZIP file without compression, as its central directory has them. Throws where it is damaged. */
export function readZip(zip: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>()
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06'))
  const count = zip.readUInt16LE(end + 10)
  let at = zip.readUInt32LE(end + 16)
  for (let entry = 0; entry < count; entry++) {
    if (zip.readUInt32LE(at) !== 0x0201_4b50) throw new Error(`entry ${entry} is no entry`)
    const size = zip.readUInt32LE(at + 24)
    const nameBytes = zip.readUInt16LE(at + 28)
    const name = zip.toString('utf8', at + 46, at + 46 + nameBytes)
    const local = zip.readUInt32LE(at + 42)
    const body = local + 30 + nameBytes + zip.readUInt16LE(local + 28)
    const bytes = zip.subarray(body, body + size)
    if (crc32(bytes) !== zip.readUInt32LE(at + 16)) throw new Error(`${name} is damaged`)
    if (files.has(name)) throw new Error(`${name} is there twice`)
    files.set(name, bytes)
    at += 46 + nameBytes + zip.readUInt16LE(at + 30)
  }
  return files
}
