import type { SortBy } from '../../library/listing.ts'
import { crumbsOf, hashOf, KINDS, type Place, ROOT } from '../../library/place.ts'
import type { Preferences } from '../../library/preferences.ts'
import { Button } from '../button.tsx'
import { Icon } from '../icon.tsx'

export interface ToolbarProps {
  place: Place
  preferences: Preferences
  onPlace: (place: Place, how: 'step' | 'rewrite') => void
  onPreferences: (preferences: Preferences) => void
  onNewFolder: () => void
}

const KIND_WORDS: Readonly<Record<(typeof KINDS)[number], string>> = {
  video: 'Videos',
  audio: 'Audio',
  image: 'Pictures',
  document: 'Documents',
  archive: 'Archives',
  other: 'Other files',
}

const SORTS: readonly { by: SortBy; descending: boolean; words: string }[] = [
  { by: 'date', descending: true, words: 'Newest first' },
  { by: 'date', descending: false, words: 'Oldest first' },
  { by: 'name', descending: false, words: 'Name, A to Z' },
  { by: 'name', descending: true, words: 'Name, Z to A' },
  { by: 'size', descending: true, words: 'Largest first' },
  { by: 'size', descending: false, words: 'Smallest first' },
]

/** Search, filter, order and view. */
export function Toolbar({ place, preferences, onPlace, onPreferences, onNewFolder }: ToolbarProps) {
  const { by, descending, view } = preferences
  const isTiles = view === 'tiles'
  const search = (words: string): void => {
    // The beginning of a search is a step; each letter of it is none.
    onPlace({ ...place, words }, place.words === '' ? 'step' : 'rewrite')
  }
  return (
    <search class="toolbar">
      <div class="search">
        <Icon name="search" />
        <input
          id="search"
          class="field"
          type="search"
          placeholder={place.folder === '/' ? 'Search all folders' : 'Search this folder'}
          aria-label="Search by name"
          value={place.words}
          onInput={({ currentTarget }) => search(currentTarget.value)}
        />
      </div>
      <Button icon="new-folder" words="unseen" onClick={onNewFolder}>
        New folder
      </Button>
      <select
        class="field"
        aria-label="Kind"
        value={place.kind ?? ''}
        onChange={({ currentTarget }) => {
          const kind = KINDS.find((each) => each === currentTarget.value) ?? null
          onPlace({ ...place, kind }, 'step')
        }}
      >
        <option value="">All kinds</option>
        {KINDS.map((kind) => (
          <option key={kind} value={kind}>
            {KIND_WORDS[kind]}
          </option>
        ))}
      </select>
      <select
        class="field"
        aria-label="Order"
        value={SORTS.findIndex((each) => each.by === by && each.descending === descending)}
        onChange={({ currentTarget }) => {
          const order = SORTS[Number(currentTarget.value)]
          if (order) onPreferences({ view, by: order.by, descending: order.descending })
        }}
      >
        {SORTS.map(({ words }, index) => (
          <option key={words} value={index}>
            {words}
          </option>
        ))}
      </select>
      <Button
        icon={isTiles ? 'list' : 'tiles'}
        words="unseen"
        onClick={() => onPreferences({ ...preferences, view: isTiles ? 'list' : 'tiles' })}
      >
        {isTiles ? 'Show as a list' : 'Show as tiles'}
      </Button>
    </search>
  )
}

/** The way from the root to this folder. */
export function Crumbs({ folder }: { folder: string }) {
  const crumbs = crumbsOf(folder)
  const name = crumbs.at(-1)?.name
  return (
    <div class="crumbs">
      {name !== undefined && (
        <nav aria-label="Folders around this one">
          <ol>
            <li>
              <a href={hashOf(ROOT)} data-folder="/">
                In Telegram
              </a>
            </li>
            {crumbs.slice(0, -1).map(({ path, name: each }) => (
              <li key={path}>
                <a href={hashOf({ ...ROOT, folder: path })} data-folder={path}>
                  <bdi>{each}</bdi>
                </a>
              </li>
            ))}
          </ol>
        </nav>
      )}
      <h2 id="library-title" tabIndex={-1}>
        <bdi>{name ?? 'In Telegram'}</bdi>
      </h2>
    </div>
  )
}
