import sprite from '../icons.svg?url'

export type IconName =
  | 'upload'
  | 'download'
  | 'folder'
  | 'other'
  | 'text'
  | 'pdf'
  | 'archive'
  | 'video'
  | 'audio'
  | 'image'
  | 'pause'
  | 'play'
  | 'close'
  | 'retry'
  | 'check'
  | 'link'
  | 'warning'
  | 'open'
  | 'eye'
  | 'search'
  | 'key'
  | 'sign-out'
  | 'more'
  | 'less'
  | 'undo'
  | 'delete'
  | 'rename'
  | 'move'
  | 'new-folder'
  | 'list'
  | 'tiles'
  | 'info'
  | 'copy'
  | 'previous'
  | 'next'
  | 'select-all'

/** A picture beside words that say the same. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <use href={`${sprite}#${name}`} />
    </svg>
  )
}
