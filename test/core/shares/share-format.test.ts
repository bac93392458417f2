import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import {
  decodeShareId,
  encodePass,
  encodeShareId,
  newShareId,
  newVisit,
  passHolds,
  visitHash,
} from '../../../src/core/model/share-format.ts'

const NOW = 1_762_700_000_000
const makeKeys = () => ({ address: randomBytes(32), pass: randomBytes(32) })
const KEYS = makeKeys()

test('an address names its row for the keys that have made it, and nothing else is one', () => {
  const id = newShareId(KEYS)
  const name = encodeShareId(id, KEYS)

  expect(name).toMatch(/^[\w-]{32}$/)
  expect(name).not.toContain(id)
  expect(decodeShareId(name, KEYS)).toBe(id)
  expect(decodeShareId(name, makeKeys())).toBeNull()
  for (const at of Array.from(name).keys()) {
    const other = name[at] === 'A' ? 'B' : 'A'
    expect(decodeShareId(name.slice(0, at) + other + name.slice(at + 1), KEYS)).toBeNull()
  }
  for (const wrong of ['', name.slice(1), `${name}=`, ` ${name}`, `${name}AAAA`]) {
    expect(decodeShareId(wrong, KEYS)).toBeNull()
  }
})

test('no address begins or ends with a sign that apps leave out of a link', () => {
  const names = Array.from({ length: 300 }, () => encodeShareId(newShareId(KEYS), KEYS))

  expect(names.filter((name) => /^[-_]|[-_]$/.test(name))).toEqual([])
})

test('a pass holds for its share and password until its end', () => {
  const subject = { id: newShareId(KEYS), password: { salt: '00ff' } }
  const pass = encodePass(subject, NOW, KEYS)

  expect(passHolds(pass, subject, NOW - 1000, KEYS)).toBe(true)
  expect(passHolds(pass, subject, NOW, KEYS)).toBe(false)
  expect(passHolds(pass, { ...subject, id: newShareId(KEYS) }, NOW - 1000, KEYS)).toBe(false)
  expect(passHolds(pass, { ...subject, password: { salt: '00fe' } }, NOW - 1000, KEYS)).toBe(false)
  expect(passHolds(pass, subject, NOW - 1000, makeKeys())).toBe(false)
  const longer = pass.replace(/^\d+/, (end) => String(Number(end) + 1))
  for (const wrong of ['', '.', longer, `${pass}A`, pass.slice(1)]) {
    expect(passHolds(wrong, subject, NOW - 1000, KEYS)).toBe(false)
  }
})

test('a visit is known by a hash of its name, and other texts are no visit', () => {
  const visit = newVisit()

  expect(visitHash(visit)).toMatch(/^[0-9a-f]{32}$/)
  expect(visitHash(visit)).toBe(visitHash(visit))
  for (const wrong of [undefined, '', visit.slice(1), `${visit}A`, `${visit.slice(1)}+`]) {
    expect(visitHash(wrong)).toBeNull()
  }
})
