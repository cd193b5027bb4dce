from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MessageKey(_message.Message):
    __slots__ = ("remote_jid", "from_me", "id", "participant")
    REMOTE_JID_FIELD_NUMBER: _ClassVar[int]
    FROM_ME_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANT_FIELD_NUMBER: _ClassVar[int]
    remote_jid: str
    from_me: bool
    id: str
    participant: str
    def __init__(self, remote_jid: _Optional[str] = ..., from_me: _Optional[bool] = ..., id: _Optional[str] = ..., participant: _Optional[str] = ...) -> None: ...

class MessageContextInfo(_message.Message):
    __slots__ = ("message_secret",)
    MESSAGE_SECRET_FIELD_NUMBER: _ClassVar[int]
    message_secret: bytes
    def __init__(self, message_secret: _Optional[bytes] = ...) -> None: ...

class ContextInfo(_message.Message):
    __slots__ = ("stanza_id", "participant", "quoted_message", "mentioned_jid", "forwarding_score", "is_forwarded", "expiration")
    STANZA_ID_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANT_FIELD_NUMBER: _ClassVar[int]
    QUOTED_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    MENTIONED_JID_FIELD_NUMBER: _ClassVar[int]
    FORWARDING_SCORE_FIELD_NUMBER: _ClassVar[int]
    IS_FORWARDED_FIELD_NUMBER: _ClassVar[int]
    EXPIRATION_FIELD_NUMBER: _ClassVar[int]
    stanza_id: str
    participant: str
    quoted_message: Message
    mentioned_jid: _containers.RepeatedScalarFieldContainer[str]
    forwarding_score: int
    is_forwarded: bool
    expiration: int
    def __init__(self, stanza_id: _Optional[str] = ..., participant: _Optional[str] = ..., quoted_message: _Optional[_Union[Message, _Mapping[str, object]]] = ..., mentioned_jid: _Optional[_Iterable[str]] = ..., forwarding_score: _Optional[int] = ..., is_forwarded: _Optional[bool] = ..., expiration: _Optional[int] = ...) -> None: ...

class ExtendedTextMessage(_message.Message):
    __slots__ = ("text", "matched_text", "description", "title", "jpeg_thumbnail", "context_info")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    MATCHED_TEXT_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    JPEG_THUMBNAIL_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_INFO_FIELD_NUMBER: _ClassVar[int]
    text: str
    matched_text: str
    description: str
    title: str
    jpeg_thumbnail: bytes
    context_info: ContextInfo
    def __init__(self, text: _Optional[str] = ..., matched_text: _Optional[str] = ..., description: _Optional[str] = ..., title: _Optional[str] = ..., jpeg_thumbnail: _Optional[bytes] = ..., context_info: _Optional[_Union[ContextInfo, _Mapping[str, object]]] = ...) -> None: ...

class SenderKeyDistributionMessage(_message.Message):
    __slots__ = ("group_id", "axolotl_sender_key_distribution_message")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    AXOLOTL_SENDER_KEY_DISTRIBUTION_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    axolotl_sender_key_distribution_message: bytes
    def __init__(self, group_id: _Optional[str] = ..., axolotl_sender_key_distribution_message: _Optional[bytes] = ...) -> None: ...

class AppStateSyncKeyId(_message.Message):
    __slots__ = ("key_id",)
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    key_id: bytes
    def __init__(self, key_id: _Optional[bytes] = ...) -> None: ...

class AppStateSyncKeyFingerprint(_message.Message):
    __slots__ = ("raw_id", "current_index", "device_indexes")
    RAW_ID_FIELD_NUMBER: _ClassVar[int]
    CURRENT_INDEX_FIELD_NUMBER: _ClassVar[int]
    DEVICE_INDEXES_FIELD_NUMBER: _ClassVar[int]
    raw_id: int
    current_index: int
    device_indexes: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, raw_id: _Optional[int] = ..., current_index: _Optional[int] = ..., device_indexes: _Optional[_Iterable[int]] = ...) -> None: ...

class AppStateSyncKeyData(_message.Message):
    __slots__ = ("key_data", "fingerprint", "timestamp")
    KEY_DATA_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    key_data: bytes
    fingerprint: AppStateSyncKeyFingerprint
    timestamp: int
    def __init__(self, key_data: _Optional[bytes] = ..., fingerprint: _Optional[_Union[AppStateSyncKeyFingerprint, _Mapping[str, object]]] = ..., timestamp: _Optional[int] = ...) -> None: ...

class AppStateSyncKey(_message.Message):
    __slots__ = ("key_id", "key_data")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_DATA_FIELD_NUMBER: _ClassVar[int]
    key_id: AppStateSyncKeyId
    key_data: AppStateSyncKeyData
    def __init__(self, key_id: _Optional[_Union[AppStateSyncKeyId, _Mapping[str, object]]] = ..., key_data: _Optional[_Union[AppStateSyncKeyData, _Mapping[str, object]]] = ...) -> None: ...

class AppStateSyncKeyShare(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[AppStateSyncKey]
    def __init__(self, keys: _Optional[_Iterable[_Union[AppStateSyncKey, _Mapping[str, object]]]] = ...) -> None: ...

class AppStateSyncKeyRequest(_message.Message):
    __slots__ = ("key_ids",)
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    key_ids: _containers.RepeatedCompositeFieldContainer[AppStateSyncKeyId]
    def __init__(self, key_ids: _Optional[_Iterable[_Union[AppStateSyncKeyId, _Mapping[str, object]]]] = ...) -> None: ...

class ProtocolMessage(_message.Message):
    __slots__ = ("key", "type", "app_state_sync_key_share", "app_state_sync_key_request", "edited_message", "timestamp_ms")
    class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        REVOKE: _ClassVar[ProtocolMessage.Type]
        APP_STATE_SYNC_KEY_SHARE: _ClassVar[ProtocolMessage.Type]
        APP_STATE_SYNC_KEY_REQUEST: _ClassVar[ProtocolMessage.Type]
        MESSAGE_EDIT: _ClassVar[ProtocolMessage.Type]
        PEER_DATA_OPERATION_REQUEST_MESSAGE: _ClassVar[ProtocolMessage.Type]
    REVOKE: ProtocolMessage.Type
    APP_STATE_SYNC_KEY_SHARE: ProtocolMessage.Type
    APP_STATE_SYNC_KEY_REQUEST: ProtocolMessage.Type
    MESSAGE_EDIT: ProtocolMessage.Type
    PEER_DATA_OPERATION_REQUEST_MESSAGE: ProtocolMessage.Type
    KEY_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    APP_STATE_SYNC_KEY_SHARE_FIELD_NUMBER: _ClassVar[int]
    APP_STATE_SYNC_KEY_REQUEST_FIELD_NUMBER: _ClassVar[int]
    EDITED_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_MS_FIELD_NUMBER: _ClassVar[int]
    key: MessageKey
    type: ProtocolMessage.Type
    app_state_sync_key_share: AppStateSyncKeyShare
    app_state_sync_key_request: AppStateSyncKeyRequest
    edited_message: Message
    timestamp_ms: int
    def __init__(self, key: _Optional[_Union[MessageKey, _Mapping[str, object]]] = ..., type: _Optional[_Union[ProtocolMessage.Type, str]] = ..., app_state_sync_key_share: _Optional[_Union[AppStateSyncKeyShare, _Mapping[str, object]]] = ..., app_state_sync_key_request: _Optional[_Union[AppStateSyncKeyRequest, _Mapping[str, object]]] = ..., edited_message: _Optional[_Union[Message, _Mapping[str, object]]] = ..., timestamp_ms: _Optional[int] = ...) -> None: ...

class DeviceSentMessage(_message.Message):
    __slots__ = ("destination_jid", "message", "phash")
    DESTINATION_JID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PHASH_FIELD_NUMBER: _ClassVar[int]
    destination_jid: str
    message: Message
    phash: str
    def __init__(self, destination_jid: _Optional[str] = ..., message: _Optional[_Union[Message, _Mapping[str, object]]] = ..., phash: _Optional[str] = ...) -> None: ...

class ReactionMessage(_message.Message):
    __slots__ = ("key", "text", "sender_timestamp_ms")
    KEY_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SENDER_TIMESTAMP_MS_FIELD_NUMBER: _ClassVar[int]
    key: MessageKey
    text: str
    sender_timestamp_ms: int
    def __init__(self, key: _Optional[_Union[MessageKey, _Mapping[str, object]]] = ..., text: _Optional[str] = ..., sender_timestamp_ms: _Optional[int] = ...) -> None: ...

class FutureProofMessage(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: Message
    def __init__(self, message: _Optional[_Union[Message, _Mapping[str, object]]] = ...) -> None: ...

class ContactMessage(_message.Message):
    __slots__ = ("display_name", "vcard", "context_info")
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    VCARD_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_INFO_FIELD_NUMBER: _ClassVar[int]
    display_name: str
    vcard: str
    context_info: ContextInfo
    def __init__(self, display_name: _Optional[str] = ..., vcard: _Optional[str] = ..., context_info: _Optional[_Union[ContextInfo, _Mapping[str, object]]] = ...) -> None: ...

class ContactsArrayMessage(_message.Message):
    __slots__ = ("display_name", "contacts", "context_info")
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    CONTACTS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_INFO_FIELD_NUMBER: _ClassVar[int]
    display_name: str
    contacts: _containers.RepeatedCompositeFieldContainer[ContactMessage]
    context_info: ContextInfo
    def __init__(self, display_name: _Optional[str] = ..., contacts: _Optional[_Iterable[_Union[ContactMessage, _Mapping[str, object]]]] = ..., context_info: _Optional[_Union[ContextInfo, _Mapping[str, object]]] = ...) -> None: ...

class LocationMessage(_message.Message):
    __slots__ = ("degrees_latitude", "degrees_longitude", "name", "address", "url", "context_info")
    DEGREES_LATITUDE_FIELD_NUMBER: _ClassVar[int]
    DEGREES_LONGITUDE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_INFO_FIELD_NUMBER: _ClassVar[int]
    degrees_latitude: float
    degrees_longitude: float
    name: str
    address: str
    url: str
    context_info: ContextInfo
    def __init__(self, degrees_latitude: _Optional[float] = ..., degrees_longitude: _Optional[float] = ..., name: _Optional[str] = ..., address: _Optional[str] = ..., url: _Optional[str] = ..., context_info: _Optional[_Union[ContextInfo, _Mapping[str, object]]] = ...) -> None: ...

class LiveLocationMessage(_message.Message):
    __slots__ = ("degrees_latitude", "degrees_longitude", "accuracy_in_meters", "caption", "sequence_number", "context_info")
    DEGREES_LATITUDE_FIELD_NUMBER: _ClassVar[int]
    DEGREES_LONGITUDE_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_IN_METERS_FIELD_NUMBER: _ClassVar[int]
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_INFO_FIELD_NUMBER: _ClassVar[int]
    degrees_latitude: float
    degrees_longitude: float
    accuracy_in_meters: int
    caption: str
    sequence_number: int
    context_info: ContextInfo
    def __init__(self, degrees_latitude: _Optional[float] = ..., degrees_longitude: _Optional[float] = ..., accuracy_in_meters: _Optional[int] = ..., caption: _Optional[str] = ..., sequence_number: _Optional[int] = ..., context_info: _Optional[_Union[ContextInfo, _Mapping[str, object]]] = ...) -> None: ...

class ImageMessage(_message.Message):
    __slots__ = ("url", "mimetype", "caption", "file_sha256", "file_length", "height", "width", "media_key", "file_enc_sha256", "direct_path", "media_key_timestamp", "jpeg_thumbnail", "context_info", "view_once")
    URL_FIELD_NUMBER: _ClassVar[int]
    MIMETYPE_FIELD_NUMBER: _ClassVar[int]
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    FILE_SHA256_FIELD_NUMBER: _ClassVar[int]
    FILE_LENGTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    MEDIA_KEY_FIELD_NUMBER: _ClassVar[int]
    FILE_ENC_SHA256_FIELD_NUMBER: _ClassVar[int]
    DIRECT_PATH_FIELD_NUMBER: _ClassVar[int]
    MEDIA_KEY_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    JPEG_THUMBNAIL_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_INFO_FIELD_NUMBER: _ClassVar[int]
    VIEW_ONCE_FIELD_NUMBER: _ClassVar[int]
    url: str
    mimetype: str
    caption: str
    file_sha256: bytes
    file_length: int
    height: int
    width: int
    media_key: bytes
    file_enc_sha256: bytes
    direct_path: str
    media_key_timestamp: int
    jpeg_thumbnail: bytes
    context_info: ContextInfo
    view_once: bool
    def __init__(self, url: _Optional[str] = ..., mimetype: _Optional[str] = ..., caption: _Optional[str] = ..., file_sha256: _Optional[bytes] = ..., file_length: _Optional[int] = ..., height: _Optional[int] = ..., width: _Optional[int] = ..., media_key: _Optional[bytes] = ..., file_enc_sha256: _Optional[bytes] = ..., direct_path: _Optional[str] = ..., media_key_timestamp: _Optional[int] = ..., jpeg_thumbnail: _Optional[bytes] = ..., context_info: _Optional[_Union[ContextInfo, _Mapping[str, object]]] = ..., view_once: _Optional[bool] = ...) -> None: ...

class VideoMessage(_message.Message):
    __slots__ = ("url", "mimetype", "file_sha256", "file_length", "seconds", "media_key", "caption", "gif_playback", "file_enc_sha256", "direct_path", "media_key_timestamp", "jpeg_thumbnail", "context_info", "streaming_sidecar", "view_once")
    URL_FIELD_NUMBER: _ClassVar[int]
    MIMETYPE_FIELD_NUMBER: _ClassVar[int]
    FILE_SHA256_FIELD_NUMBER: _ClassVar[int]
    FILE_LENGTH_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    MEDIA_KEY_FIELD_NUMBER: _ClassVar[int]
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    GIF_PLAYBACK_FIELD_NUMBER: _ClassVar[int]
    FILE_ENC_SHA256_FIELD_NUMBER: _ClassVar[int]
    DIRECT_PATH_FIELD_NUMBER: _ClassVar[int]
    MEDIA_KEY_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    JPEG_THUMBNAIL_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_INFO_FIELD_NUMBER: _ClassVar[int]
    STREAMING_SIDECAR_FIELD_NUMBER: _ClassVar[int]
    VIEW_ONCE_FIELD_NUMBER: _ClassVar[int]
    url: str
    mimetype: str
    file_sha256: bytes
    file_length: int
    seconds: int
    media_key: bytes
    caption: str
    gif_playback: bool
    file_enc_sha256: bytes
    direct_path: str
    media_key_timestamp: int
    jpeg_thumbnail: bytes
    context_info: ContextInfo
    streaming_sidecar: bytes
    view_once: bool
    def __init__(self, url: _Optional[str] = ..., mimetype: _Optional[str] = ..., file_sha256: _Optional[bytes] = ..., file_length: _Optional[int] = ..., seconds: _Optional[int] = ..., media_key: _Optional[bytes] = ..., caption: _Optional[str] = ..., gif_playback: _Optional[bool] = ..., file_enc_sha256: _Optional[bytes] = ..., direct_path: _Optional[str] = ..., media_key_timestamp: _Optional[int] = ..., jpeg_thumbnail: _Optional[bytes] = ..., context_info: _Optional[_Union[ContextInfo, _Mapping[str, object]]] = ..., streaming_sidecar: _Optional[bytes] = ..., view_once: _Optional[bool] = ...) -> None: ...

class AudioMessage(_message.Message):
    __slots__ = ("url", "mimetype", "file_sha256", "file_length", "seconds", "ptt", "media_key", "file_enc_sha256", "direct_path", "media_key_timestamp", "context_info", "streaming_sidecar", "waveform", "view_once")
    URL_FIELD_NUMBER: _ClassVar[int]
    MIMETYPE_FIELD_NUMBER: _ClassVar[int]
    FILE_SHA256_FIELD_NUMBER: _ClassVar[int]
    FILE_LENGTH_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    PTT_FIELD_NUMBER: _ClassVar[int]
    MEDIA_KEY_FIELD_NUMBER: _ClassVar[int]
    FILE_ENC_SHA256_FIELD_NUMBER: _ClassVar[int]
    DIRECT_PATH_FIELD_NUMBER: _ClassVar[int]
    MEDIA_KEY_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_INFO_FIELD_NUMBER: _ClassVar[int]
    STREAMING_SIDECAR_FIELD_NUMBER: _ClassVar[int]
    WAVEFORM_FIELD_NUMBER: _ClassVar[int]
    VIEW_ONCE_FIELD_NUMBER: _ClassVar[int]
    url: str
    mimetype: str
    file_sha256: bytes
    file_length: int
    seconds: int
    ptt: bool
    media_key: bytes
    file_enc_sha256: bytes
    direct_path: str
    media_key_timestamp: int
    context_info: ContextInfo
    streaming_sidecar: bytes
    waveform: bytes
    view_once: bool
    def __init__(self, url: _Optional[str] = ..., mimetype: _Optional[str] = ..., file_sha256: _Optional[bytes] = ..., file_length: _Optional[int] = ..., seconds: _Optional[int] = ..., ptt: _Optional[bool] = ..., media_key: _Optional[bytes] = ..., file_enc_sha256: _Optional[bytes] = ..., direct_path: _Optional[str] = ..., media_key_timestamp: _Optional[int] = ..., context_info: _Optional[_Union[ContextInfo, _Mapping[str, object]]] = ..., streaming_sidecar: _Optional[bytes] = ..., waveform: _Optional[bytes] = ..., view_once: _Optional[bool] = ...) -> None: ...

class DocumentMessage(_message.Message):
    __slots__ = ("url", "mimetype", "title", "file_sha256", "file_length", "page_count", "media_key", "file_name", "file_enc_sha256", "direct_path", "media_key_timestamp", "jpeg_thumbnail", "context_info", "caption")
    URL_FIELD_NUMBER: _ClassVar[int]
    MIMETYPE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    FILE_SHA256_FIELD_NUMBER: _ClassVar[int]
    FILE_LENGTH_FIELD_NUMBER: _ClassVar[int]
    PAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    MEDIA_KEY_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    FILE_ENC_SHA256_FIELD_NUMBER: _ClassVar[int]
    DIRECT_PATH_FIELD_NUMBER: _ClassVar[int]
    MEDIA_KEY_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    JPEG_THUMBNAIL_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_INFO_FIELD_NUMBER: _ClassVar[int]
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    url: str
    mimetype: str
    title: str
    file_sha256: bytes
    file_length: int
    page_count: int
    media_key: bytes
    file_name: str
    file_enc_sha256: bytes
    direct_path: str
    media_key_timestamp: int
    jpeg_thumbnail: bytes
    context_info: ContextInfo
    caption: str
    def __init__(self, url: _Optional[str] = ..., mimetype: _Optional[str] = ..., title: _Optional[str] = ..., file_sha256: _Optional[bytes] = ..., file_length: _Optional[int] = ..., page_count: _Optional[int] = ..., media_key: _Optional[bytes] = ..., file_name: _Optional[str] = ..., file_enc_sha256: _Optional[bytes] = ..., direct_path: _Optional[str] = ..., media_key_timestamp: _Optional[int] = ..., jpeg_thumbnail: _Optional[bytes] = ..., context_info: _Optional[_Union[ContextInfo, _Mapping[str, object]]] = ..., caption: _Optional[str] = ...) -> None: ...

class StickerMessage(_message.Message):
    __slots__ = ("url", "file_sha256", "file_enc_sha256", "media_key", "mimetype", "height", "width", "direct_path", "file_length", "media_key_timestamp", "is_animated", "context_info")
    URL_FIELD_NUMBER: _ClassVar[int]
    FILE_SHA256_FIELD_NUMBER: _ClassVar[int]
    FILE_ENC_SHA256_FIELD_NUMBER: _ClassVar[int]
    MEDIA_KEY_FIELD_NUMBER: _ClassVar[int]
    MIMETYPE_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    DIRECT_PATH_FIELD_NUMBER: _ClassVar[int]
    FILE_LENGTH_FIELD_NUMBER: _ClassVar[int]
    MEDIA_KEY_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    IS_ANIMATED_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_INFO_FIELD_NUMBER: _ClassVar[int]
    url: str
    file_sha256: bytes
    file_enc_sha256: bytes
    media_key: bytes
    mimetype: str
    height: int
    width: int
    direct_path: str
    file_length: int
    media_key_timestamp: int
    is_animated: bool
    context_info: ContextInfo
    def __init__(self, url: _Optional[str] = ..., file_sha256: _Optional[bytes] = ..., file_enc_sha256: _Optional[bytes] = ..., media_key: _Optional[bytes] = ..., mimetype: _Optional[str] = ..., height: _Optional[int] = ..., width: _Optional[int] = ..., direct_path: _Optional[str] = ..., file_length: _Optional[int] = ..., media_key_timestamp: _Optional[int] = ..., is_animated: _Optional[bool] = ..., context_info: _Optional[_Union[ContextInfo, _Mapping[str, object]]] = ...) -> None: ...

class PollCreationMessage(_message.Message):
    __slots__ = ("name", "options", "selectable_options_count", "context_info")
    class Option(_message.Message):
        __slots__ = ("option_name",)
        OPTION_NAME_FIELD_NUMBER: _ClassVar[int]
        option_name: str
        def __init__(self, option_name: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    SELECTABLE_OPTIONS_COUNT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_INFO_FIELD_NUMBER: _ClassVar[int]
    name: str
    options: _containers.RepeatedCompositeFieldContainer[PollCreationMessage.Option]
    selectable_options_count: int
    context_info: ContextInfo
    def __init__(self, name: _Optional[str] = ..., options: _Optional[_Iterable[_Union[PollCreationMessage.Option, _Mapping[str, object]]]] = ..., selectable_options_count: _Optional[int] = ..., context_info: _Optional[_Union[ContextInfo, _Mapping[str, object]]] = ...) -> None: ...

class PollEncValue(_message.Message):
    __slots__ = ("enc_payload", "enc_iv")
    ENC_PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    ENC_IV_FIELD_NUMBER: _ClassVar[int]
    enc_payload: bytes
    enc_iv: bytes
    def __init__(self, enc_payload: _Optional[bytes] = ..., enc_iv: _Optional[bytes] = ...) -> None: ...

class PollUpdateMessage(_message.Message):
    __slots__ = ("poll_creation_message_key", "vote", "sender_timestamp_ms")
    POLL_CREATION_MESSAGE_KEY_FIELD_NUMBER: _ClassVar[int]
    VOTE_FIELD_NUMBER: _ClassVar[int]
    SENDER_TIMESTAMP_MS_FIELD_NUMBER: _ClassVar[int]
    poll_creation_message_key: MessageKey
    vote: PollEncValue
    sender_timestamp_ms: int
    def __init__(self, poll_creation_message_key: _Optional[_Union[MessageKey, _Mapping[str, object]]] = ..., vote: _Optional[_Union[PollEncValue, _Mapping[str, object]]] = ..., sender_timestamp_ms: _Optional[int] = ...) -> None: ...

class PollVoteMessage(_message.Message):
    __slots__ = ("selected_options",)
    SELECTED_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    selected_options: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, selected_options: _Optional[_Iterable[bytes]] = ...) -> None: ...

class EventMessage(_message.Message):
    __slots__ = ("context_info", "is_canceled", "name", "description", "location", "join_link", "start_time", "end_time")
    CONTEXT_INFO_FIELD_NUMBER: _ClassVar[int]
    IS_CANCELED_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    JOIN_LINK_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    context_info: ContextInfo
    is_canceled: bool
    name: str
    description: str
    location: LocationMessage
    join_link: str
    start_time: int
    end_time: int
    def __init__(self, context_info: _Optional[_Union[ContextInfo, _Mapping[str, object]]] = ..., is_canceled: _Optional[bool] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., location: _Optional[_Union[LocationMessage, _Mapping[str, object]]] = ..., join_link: _Optional[str] = ..., start_time: _Optional[int] = ..., end_time: _Optional[int] = ...) -> None: ...

class EncEventResponseMessage(_message.Message):
    __slots__ = ("event_creation_message_key", "enc_payload", "enc_iv")
    EVENT_CREATION_MESSAGE_KEY_FIELD_NUMBER: _ClassVar[int]
    ENC_PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    ENC_IV_FIELD_NUMBER: _ClassVar[int]
    event_creation_message_key: MessageKey
    enc_payload: bytes
    enc_iv: bytes
    def __init__(self, event_creation_message_key: _Optional[_Union[MessageKey, _Mapping[str, object]]] = ..., enc_payload: _Optional[bytes] = ..., enc_iv: _Optional[bytes] = ...) -> None: ...

class EventResponseMessage(_message.Message):
    __slots__ = ("response", "timestamp_ms")
    class EventResponseType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNKNOWN: _ClassVar[EventResponseMessage.EventResponseType]
        GOING: _ClassVar[EventResponseMessage.EventResponseType]
        NOT_GOING: _ClassVar[EventResponseMessage.EventResponseType]
        MAYBE: _ClassVar[EventResponseMessage.EventResponseType]
    UNKNOWN: EventResponseMessage.EventResponseType
    GOING: EventResponseMessage.EventResponseType
    NOT_GOING: EventResponseMessage.EventResponseType
    MAYBE: EventResponseMessage.EventResponseType
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_MS_FIELD_NUMBER: _ClassVar[int]
    response: EventResponseMessage.EventResponseType
    timestamp_ms: int
    def __init__(self, response: _Optional[_Union[EventResponseMessage.EventResponseType, str]] = ..., timestamp_ms: _Optional[int] = ...) -> None: ...

class ButtonsMessage(_message.Message):
    __slots__ = ("content_text", "footer_text", "context_info", "buttons", "header_type")
    class HeaderType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNKNOWN: _ClassVar[ButtonsMessage.HeaderType]
        EMPTY: _ClassVar[ButtonsMessage.HeaderType]
    UNKNOWN: ButtonsMessage.HeaderType
    EMPTY: ButtonsMessage.HeaderType
    class Button(_message.Message):
        __slots__ = ("button_id", "button_text", "type")
        class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
            __slots__ = ()
            UNKNOWN: _ClassVar[ButtonsMessage.Button.Type]
            RESPONSE: _ClassVar[ButtonsMessage.Button.Type]
        UNKNOWN: ButtonsMessage.Button.Type
        RESPONSE: ButtonsMessage.Button.Type
        class ButtonText(_message.Message):
            __slots__ = ("display_text",)
            DISPLAY_TEXT_FIELD_NUMBER: _ClassVar[int]
            display_text: str
            def __init__(self, display_text: _Optional[str] = ...) -> None: ...
        BUTTON_ID_FIELD_NUMBER: _ClassVar[int]
        BUTTON_TEXT_FIELD_NUMBER: _ClassVar[int]
        TYPE_FIELD_NUMBER: _ClassVar[int]
        button_id: str
        button_text: ButtonsMessage.Button.ButtonText
        type: ButtonsMessage.Button.Type
        def __init__(self, button_id: _Optional[str] = ..., button_text: _Optional[_Union[ButtonsMessage.Button.ButtonText, _Mapping[str, object]]] = ..., type: _Optional[_Union[ButtonsMessage.Button.Type, str]] = ...) -> None: ...
    CONTENT_TEXT_FIELD_NUMBER: _ClassVar[int]
    FOOTER_TEXT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_INFO_FIELD_NUMBER: _ClassVar[int]
    BUTTONS_FIELD_NUMBER: _ClassVar[int]
    HEADER_TYPE_FIELD_NUMBER: _ClassVar[int]
    content_text: str
    footer_text: str
    context_info: ContextInfo
    buttons: _containers.RepeatedCompositeFieldContainer[ButtonsMessage.Button]
    header_type: ButtonsMessage.HeaderType
    def __init__(self, content_text: _Optional[str] = ..., footer_text: _Optional[str] = ..., context_info: _Optional[_Union[ContextInfo, _Mapping[str, object]]] = ..., buttons: _Optional[_Iterable[_Union[ButtonsMessage.Button, _Mapping[str, object]]]] = ..., header_type: _Optional[_Union[ButtonsMessage.HeaderType, str]] = ...) -> None: ...

class ButtonsResponseMessage(_message.Message):
    __slots__ = ("selected_button_id", "selected_display_text", "context_info", "type")
    class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNKNOWN: _ClassVar[ButtonsResponseMessage.Type]
        DISPLAY_TEXT: _ClassVar[ButtonsResponseMessage.Type]
    UNKNOWN: ButtonsResponseMessage.Type
    DISPLAY_TEXT: ButtonsResponseMessage.Type
    SELECTED_BUTTON_ID_FIELD_NUMBER: _ClassVar[int]
    SELECTED_DISPLAY_TEXT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_INFO_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    selected_button_id: str
    selected_display_text: str
    context_info: ContextInfo
    type: ButtonsResponseMessage.Type
    def __init__(self, selected_button_id: _Optional[str] = ..., selected_display_text: _Optional[str] = ..., context_info: _Optional[_Union[ContextInfo, _Mapping[str, object]]] = ..., type: _Optional[_Union[ButtonsResponseMessage.Type, str]] = ...) -> None: ...

class ListMessage(_message.Message):
    __slots__ = ("title", "description", "button_text", "list_type", "sections", "footer_text", "context_info")
    class ListType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNKNOWN: _ClassVar[ListMessage.ListType]
        SINGLE_SELECT: _ClassVar[ListMessage.ListType]
    UNKNOWN: ListMessage.ListType
    SINGLE_SELECT: ListMessage.ListType
    class Row(_message.Message):
        __slots__ = ("title", "description", "row_id")
        TITLE_FIELD_NUMBER: _ClassVar[int]
        DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
        ROW_ID_FIELD_NUMBER: _ClassVar[int]
        title: str
        description: str
        row_id: str
        def __init__(self, title: _Optional[str] = ..., description: _Optional[str] = ..., row_id: _Optional[str] = ...) -> None: ...
    class Section(_message.Message):
        __slots__ = ("title", "rows")
        TITLE_FIELD_NUMBER: _ClassVar[int]
        ROWS_FIELD_NUMBER: _ClassVar[int]
        title: str
        rows: _containers.RepeatedCompositeFieldContainer[ListMessage.Row]
        def __init__(self, title: _Optional[str] = ..., rows: _Optional[_Iterable[_Union[ListMessage.Row, _Mapping[str, object]]]] = ...) -> None: ...
    TITLE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    BUTTON_TEXT_FIELD_NUMBER: _ClassVar[int]
    LIST_TYPE_FIELD_NUMBER: _ClassVar[int]
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    FOOTER_TEXT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_INFO_FIELD_NUMBER: _ClassVar[int]
    title: str
    description: str
    button_text: str
    list_type: ListMessage.ListType
    sections: _containers.RepeatedCompositeFieldContainer[ListMessage.Section]
    footer_text: str
    context_info: ContextInfo
    def __init__(self, title: _Optional[str] = ..., description: _Optional[str] = ..., button_text: _Optional[str] = ..., list_type: _Optional[_Union[ListMessage.ListType, str]] = ..., sections: _Optional[_Iterable[_Union[ListMessage.Section, _Mapping[str, object]]]] = ..., footer_text: _Optional[str] = ..., context_info: _Optional[_Union[ContextInfo, _Mapping[str, object]]] = ...) -> None: ...

class ListResponseMessage(_message.Message):
    __slots__ = ("title", "list_type", "single_select_reply", "context_info", "description")
    class ListType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNKNOWN: _ClassVar[ListResponseMessage.ListType]
        SINGLE_SELECT: _ClassVar[ListResponseMessage.ListType]
    UNKNOWN: ListResponseMessage.ListType
    SINGLE_SELECT: ListResponseMessage.ListType
    class SingleSelectReply(_message.Message):
        __slots__ = ("selected_row_id",)
        SELECTED_ROW_ID_FIELD_NUMBER: _ClassVar[int]
        selected_row_id: str
        def __init__(self, selected_row_id: _Optional[str] = ...) -> None: ...
    TITLE_FIELD_NUMBER: _ClassVar[int]
    LIST_TYPE_FIELD_NUMBER: _ClassVar[int]
    SINGLE_SELECT_REPLY_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_INFO_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    title: str
    list_type: ListResponseMessage.ListType
    single_select_reply: ListResponseMessage.SingleSelectReply
    context_info: ContextInfo
    description: str
    def __init__(self, title: _Optional[str] = ..., list_type: _Optional[_Union[ListResponseMessage.ListType, str]] = ..., single_select_reply: _Optional[_Union[ListResponseMessage.SingleSelectReply, _Mapping[str, object]]] = ..., context_info: _Optional[_Union[ContextInfo, _Mapping[str, object]]] = ..., description: _Optional[str] = ...) -> None: ...

class InteractiveMessage(_message.Message):
    __slots__ = ("header", "body", "footer", "native_flow_message", "context_info")
    class Body(_message.Message):
        __slots__ = ("text",)
        TEXT_FIELD_NUMBER: _ClassVar[int]
        text: str
        def __init__(self, text: _Optional[str] = ...) -> None: ...
    class Footer(_message.Message):
        __slots__ = ("text",)
        TEXT_FIELD_NUMBER: _ClassVar[int]
        text: str
        def __init__(self, text: _Optional[str] = ...) -> None: ...
    class Header(_message.Message):
        __slots__ = ("title",)
        TITLE_FIELD_NUMBER: _ClassVar[int]
        title: str
        def __init__(self, title: _Optional[str] = ...) -> None: ...
    class NativeFlowMessage(_message.Message):
        __slots__ = ("buttons", "message_params_json", "message_version")
        class NativeFlowButton(_message.Message):
            __slots__ = ("name", "button_params_json")
            NAME_FIELD_NUMBER: _ClassVar[int]
            BUTTON_PARAMS_JSON_FIELD_NUMBER: _ClassVar[int]
            name: str
            button_params_json: str
            def __init__(self, name: _Optional[str] = ..., button_params_json: _Optional[str] = ...) -> None: ...
        BUTTONS_FIELD_NUMBER: _ClassVar[int]
        MESSAGE_PARAMS_JSON_FIELD_NUMBER: _ClassVar[int]
        MESSAGE_VERSION_FIELD_NUMBER: _ClassVar[int]
        buttons: _containers.RepeatedCompositeFieldContainer[InteractiveMessage.NativeFlowMessage.NativeFlowButton]
        message_params_json: str
        message_version: int
        def __init__(self, buttons: _Optional[_Iterable[_Union[InteractiveMessage.NativeFlowMessage.NativeFlowButton, _Mapping[str, object]]]] = ..., message_params_json: _Optional[str] = ..., message_version: _Optional[int] = ...) -> None: ...
    HEADER_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    FOOTER_FIELD_NUMBER: _ClassVar[int]
    NATIVE_FLOW_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_INFO_FIELD_NUMBER: _ClassVar[int]
    header: InteractiveMessage.Header
    body: InteractiveMessage.Body
    footer: InteractiveMessage.Footer
    native_flow_message: InteractiveMessage.NativeFlowMessage
    context_info: ContextInfo
    def __init__(self, header: _Optional[_Union[InteractiveMessage.Header, _Mapping[str, object]]] = ..., body: _Optional[_Union[InteractiveMessage.Body, _Mapping[str, object]]] = ..., footer: _Optional[_Union[InteractiveMessage.Footer, _Mapping[str, object]]] = ..., native_flow_message: _Optional[_Union[InteractiveMessage.NativeFlowMessage, _Mapping[str, object]]] = ..., context_info: _Optional[_Union[ContextInfo, _Mapping[str, object]]] = ...) -> None: ...

class InteractiveResponseMessage(_message.Message):
    __slots__ = ("body", "native_flow_response_message", "context_info")
    class Body(_message.Message):
        __slots__ = ("text",)
        TEXT_FIELD_NUMBER: _ClassVar[int]
        text: str
        def __init__(self, text: _Optional[str] = ...) -> None: ...
    class NativeFlowResponseMessage(_message.Message):
        __slots__ = ("name", "params_json", "version")
        NAME_FIELD_NUMBER: _ClassVar[int]
        PARAMS_JSON_FIELD_NUMBER: _ClassVar[int]
        VERSION_FIELD_NUMBER: _ClassVar[int]
        name: str
        params_json: str
        version: int
        def __init__(self, name: _Optional[str] = ..., params_json: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...
    BODY_FIELD_NUMBER: _ClassVar[int]
    NATIVE_FLOW_RESPONSE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_INFO_FIELD_NUMBER: _ClassVar[int]
    body: InteractiveResponseMessage.Body
    native_flow_response_message: InteractiveResponseMessage.NativeFlowResponseMessage
    context_info: ContextInfo
    def __init__(self, body: _Optional[_Union[InteractiveResponseMessage.Body, _Mapping[str, object]]] = ..., native_flow_response_message: _Optional[_Union[InteractiveResponseMessage.NativeFlowResponseMessage, _Mapping[str, object]]] = ..., context_info: _Optional[_Union[ContextInfo, _Mapping[str, object]]] = ...) -> None: ...

class HydratedTemplateButton(_message.Message):
    __slots__ = ("quick_reply_button", "index")
    class HydratedQuickReplyButton(_message.Message):
        __slots__ = ("display_text", "id")
        DISPLAY_TEXT_FIELD_NUMBER: _ClassVar[int]
        ID_FIELD_NUMBER: _ClassVar[int]
        display_text: str
        id: str
        def __init__(self, display_text: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...
    QUICK_REPLY_BUTTON_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    quick_reply_button: HydratedTemplateButton.HydratedQuickReplyButton
    index: int
    def __init__(self, quick_reply_button: _Optional[_Union[HydratedTemplateButton.HydratedQuickReplyButton, _Mapping[str, object]]] = ..., index: _Optional[int] = ...) -> None: ...

class TemplateMessage(_message.Message):
    __slots__ = ("context_info", "hydrated_template")
    class HydratedFourRowTemplate(_message.Message):
        __slots__ = ("hydrated_title_text", "hydrated_content_text", "hydrated_footer_text", "hydrated_buttons", "template_id")
        HYDRATED_TITLE_TEXT_FIELD_NUMBER: _ClassVar[int]
        HYDRATED_CONTENT_TEXT_FIELD_NUMBER: _ClassVar[int]
        HYDRATED_FOOTER_TEXT_FIELD_NUMBER: _ClassVar[int]
        HYDRATED_BUTTONS_FIELD_NUMBER: _ClassVar[int]
        TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
        hydrated_title_text: str
        hydrated_content_text: str
        hydrated_footer_text: str
        hydrated_buttons: _containers.RepeatedCompositeFieldContainer[HydratedTemplateButton]
        template_id: str
        def __init__(self, hydrated_title_text: _Optional[str] = ..., hydrated_content_text: _Optional[str] = ..., hydrated_footer_text: _Optional[str] = ..., hydrated_buttons: _Optional[_Iterable[_Union[HydratedTemplateButton, _Mapping[str, object]]]] = ..., template_id: _Optional[str] = ...) -> None: ...
    CONTEXT_INFO_FIELD_NUMBER: _ClassVar[int]
    HYDRATED_TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    context_info: ContextInfo
    hydrated_template: TemplateMessage.HydratedFourRowTemplate
    def __init__(self, context_info: _Optional[_Union[ContextInfo, _Mapping[str, object]]] = ..., hydrated_template: _Optional[_Union[TemplateMessage.HydratedFourRowTemplate, _Mapping[str, object]]] = ...) -> None: ...

class TemplateButtonReplyMessage(_message.Message):
    __slots__ = ("selected_id", "selected_display_text", "context_info", "selected_index")
    SELECTED_ID_FIELD_NUMBER: _ClassVar[int]
    SELECTED_DISPLAY_TEXT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_INFO_FIELD_NUMBER: _ClassVar[int]
    SELECTED_INDEX_FIELD_NUMBER: _ClassVar[int]
    selected_id: str
    selected_display_text: str
    context_info: ContextInfo
    selected_index: int
    def __init__(self, selected_id: _Optional[str] = ..., selected_display_text: _Optional[str] = ..., context_info: _Optional[_Union[ContextInfo, _Mapping[str, object]]] = ..., selected_index: _Optional[int] = ...) -> None: ...

class Message(_message.Message):
    __slots__ = ("conversation", "sender_key_distribution_message", "image_message", "contact_message", "location_message", "extended_text_message", "document_message", "audio_message", "video_message", "protocol_message", "contacts_array_message", "live_location_message", "template_message", "sticker_message", "template_button_reply_message", "device_sent_message", "message_context_info", "list_message", "view_once_message", "list_response_message", "ephemeral_message", "buttons_message", "buttons_response_message", "interactive_message", "reaction_message", "interactive_response_message", "poll_creation_message", "poll_update_message", "document_with_caption_message", "view_once_message_v2", "edited_message", "view_once_message_v2_extension", "poll_creation_message_v2", "poll_creation_message_v3", "event_message", "enc_event_response_message")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    SENDER_KEY_DISTRIBUTION_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CONTACT_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    LOCATION_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    EXTENDED_TEXT_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    AUDIO_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    VIDEO_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CONTACTS_ARRAY_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    LIVE_LOCATION_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    STICKER_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_BUTTON_REPLY_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_SENT_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_CONTEXT_INFO_FIELD_NUMBER: _ClassVar[int]
    LIST_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    VIEW_ONCE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    LIST_RESPONSE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    EPHEMERAL_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    BUTTONS_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    BUTTONS_RESPONSE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    INTERACTIVE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REACTION_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    INTERACTIVE_RESPONSE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    POLL_CREATION_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    POLL_UPDATE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_WITH_CAPTION_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    VIEW_ONCE_MESSAGE_V2_FIELD_NUMBER: _ClassVar[int]
    EDITED_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    VIEW_ONCE_MESSAGE_V2_EXTENSION_FIELD_NUMBER: _ClassVar[int]
    POLL_CREATION_MESSAGE_V2_FIELD_NUMBER: _ClassVar[int]
    POLL_CREATION_MESSAGE_V3_FIELD_NUMBER: _ClassVar[int]
    EVENT_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ENC_EVENT_RESPONSE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    sender_key_distribution_message: SenderKeyDistributionMessage
    image_message: ImageMessage
    contact_message: ContactMessage
    location_message: LocationMessage
    extended_text_message: ExtendedTextMessage
    document_message: DocumentMessage
    audio_message: AudioMessage
    video_message: VideoMessage
    protocol_message: ProtocolMessage
    contacts_array_message: ContactsArrayMessage
    live_location_message: LiveLocationMessage
    template_message: TemplateMessage
    sticker_message: StickerMessage
    template_button_reply_message: TemplateButtonReplyMessage
    device_sent_message: DeviceSentMessage
    message_context_info: MessageContextInfo
    list_message: ListMessage
    view_once_message: FutureProofMessage
    list_response_message: ListResponseMessage
    ephemeral_message: FutureProofMessage
    buttons_message: ButtonsMessage
    buttons_response_message: ButtonsResponseMessage
    interactive_message: InteractiveMessage
    reaction_message: ReactionMessage
    interactive_response_message: InteractiveResponseMessage
    poll_creation_message: PollCreationMessage
    poll_update_message: PollUpdateMessage
    document_with_caption_message: FutureProofMessage
    view_once_message_v2: FutureProofMessage
    edited_message: FutureProofMessage
    view_once_message_v2_extension: FutureProofMessage
    poll_creation_message_v2: PollCreationMessage
    poll_creation_message_v3: PollCreationMessage
    event_message: EventMessage
    enc_event_response_message: EncEventResponseMessage
    def __init__(self, conversation: _Optional[str] = ..., sender_key_distribution_message: _Optional[_Union[SenderKeyDistributionMessage, _Mapping[str, object]]] = ..., image_message: _Optional[_Union[ImageMessage, _Mapping[str, object]]] = ..., contact_message: _Optional[_Union[ContactMessage, _Mapping[str, object]]] = ..., location_message: _Optional[_Union[LocationMessage, _Mapping[str, object]]] = ..., extended_text_message: _Optional[_Union[ExtendedTextMessage, _Mapping[str, object]]] = ..., document_message: _Optional[_Union[DocumentMessage, _Mapping[str, object]]] = ..., audio_message: _Optional[_Union[AudioMessage, _Mapping[str, object]]] = ..., video_message: _Optional[_Union[VideoMessage, _Mapping[str, object]]] = ..., protocol_message: _Optional[_Union[ProtocolMessage, _Mapping[str, object]]] = ..., contacts_array_message: _Optional[_Union[ContactsArrayMessage, _Mapping[str, object]]] = ..., live_location_message: _Optional[_Union[LiveLocationMessage, _Mapping[str, object]]] = ..., template_message: _Optional[_Union[TemplateMessage, _Mapping[str, object]]] = ..., sticker_message: _Optional[_Union[StickerMessage, _Mapping[str, object]]] = ..., template_button_reply_message: _Optional[_Union[TemplateButtonReplyMessage, _Mapping[str, object]]] = ..., device_sent_message: _Optional[_Union[DeviceSentMessage, _Mapping[str, object]]] = ..., message_context_info: _Optional[_Union[MessageContextInfo, _Mapping[str, object]]] = ..., list_message: _Optional[_Union[ListMessage, _Mapping[str, object]]] = ..., view_once_message: _Optional[_Union[FutureProofMessage, _Mapping[str, object]]] = ..., list_response_message: _Optional[_Union[ListResponseMessage, _Mapping[str, object]]] = ..., ephemeral_message: _Optional[_Union[FutureProofMessage, _Mapping[str, object]]] = ..., buttons_message: _Optional[_Union[ButtonsMessage, _Mapping[str, object]]] = ..., buttons_response_message: _Optional[_Union[ButtonsResponseMessage, _Mapping[str, object]]] = ..., interactive_message: _Optional[_Union[InteractiveMessage, _Mapping[str, object]]] = ..., reaction_message: _Optional[_Union[ReactionMessage, _Mapping[str, object]]] = ..., interactive_response_message: _Optional[_Union[InteractiveResponseMessage, _Mapping[str, object]]] = ..., poll_creation_message: _Optional[_Union[PollCreationMessage, _Mapping[str, object]]] = ..., poll_update_message: _Optional[_Union[PollUpdateMessage, _Mapping[str, object]]] = ..., document_with_caption_message: _Optional[_Union[FutureProofMessage, _Mapping[str, object]]] = ..., view_once_message_v2: _Optional[_Union[FutureProofMessage, _Mapping[str, object]]] = ..., edited_message: _Optional[_Union[FutureProofMessage, _Mapping[str, object]]] = ..., view_once_message_v2_extension: _Optional[_Union[FutureProofMessage, _Mapping[str, object]]] = ..., poll_creation_message_v2: _Optional[_Union[PollCreationMessage, _Mapping[str, object]]] = ..., poll_creation_message_v3: _Optional[_Union[PollCreationMessage, _Mapping[str, object]]] = ..., event_message: _Optional[_Union[EventMessage, _Mapping[str, object]]] = ..., enc_event_response_message: _Optional[_Union[EncEventResponseMessage, _Mapping[str, object]]] = ...) -> None: ...

class ServerErrorReceipt(_message.Message):
    __slots__ = ("stanza_id",)
    STANZA_ID_FIELD_NUMBER: _ClassVar[int]
    stanza_id: str
    def __init__(self, stanza_id: _Optional[str] = ...) -> None: ...

class MediaRetryNotification(_message.Message):
    __slots__ = ("stanza_id", "direct_path", "result")
    class ResultType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        GENERAL_ERROR: _ClassVar[MediaRetryNotification.ResultType]
        SUCCESS: _ClassVar[MediaRetryNotification.ResultType]
        NOT_FOUND: _ClassVar[MediaRetryNotification.ResultType]
        DECRYPTION_ERROR: _ClassVar[MediaRetryNotification.ResultType]
    GENERAL_ERROR: MediaRetryNotification.ResultType
    SUCCESS: MediaRetryNotification.ResultType
    NOT_FOUND: MediaRetryNotification.ResultType
    DECRYPTION_ERROR: MediaRetryNotification.ResultType
    STANZA_ID_FIELD_NUMBER: _ClassVar[int]
    DIRECT_PATH_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    stanza_id: str
    direct_path: str
    result: MediaRetryNotification.ResultType
    def __init__(self, stanza_id: _Optional[str] = ..., direct_path: _Optional[str] = ..., result: _Optional[_Union[MediaRetryNotification.ResultType, str]] = ...) -> None: ...
