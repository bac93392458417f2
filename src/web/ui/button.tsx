import { Icon, type IconName } from './icon.tsx'

export interface ButtonProps {
  icon: IconName
  children: string
  onClick: () => void
  /** What it is for, when several buttons have the same words. */
  of?: string
  look?: 'main' | 'plain' | 'danger'
  /** The words are only heard, or shown where there is room. */
  words?: 'shown' | 'unseen' | 'with-room'
  disabled?: boolean
  /** For a button that shows and hides a part of the page. */
  isExpanded?: boolean
  /** Has the focus when its dialog opens. */
  autofocus?: boolean
}

export function Button(props: ButtonProps) {
  const { icon, children, onClick, of, look = 'plain', words = 'shown', disabled = false } = props
  const { autofocus, isExpanded } = props
  return (
    <button
      type="button"
      class={`button ${look} words-${words}`}
      title={words === 'shown' ? undefined : children}
      aria-label={of === undefined ? undefined : `${children}: ${of}`}
      aria-expanded={isExpanded}
      disabled={disabled}
      data-autofocus={autofocus}
      onClick={onClick}
    >
      <Icon name={icon} />
      <span class="button-words">{children}</span>
    </button>
  )
}
