"""Who offers the service and what it is, in capabilities: the same but for the namespace in both versions of WPS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from processes.translation import translate
from server.sections import MetadataSection
from server.wps.xml import HREF, Element, add

_ROLE_SPACE = "http://www.isotc211.org/2005/resources/Codelist/gmxCodelists.xml#CI_RoleCode"


def add_identification(
    root: Element, metadata: MetadataSection, language: str, versions: Sequence[str], space: str
) -> None:
    """Append ServiceIdentification.

    :param versions: of WPS, as the document is to name them.
    :param space: namespace of OWS.
    """
    element = add(root, f"{{{space}}}ServiceIdentification")
    add(element, f"{{{space}}}Title", translate(metadata.identification_title, language))
    add(element, f"{{{space}}}Abstract", translate(metadata.identification_abstract, language))
    if metadata.identification_keywords:
        keywords = add(element, f"{{{space}}}Keywords")
        for keyword in metadata.identification_keywords:
            add(keywords, f"{{{space}}}Keyword", translate(keyword, language))
        if metadata.identification_keywords_type:
            add(keywords, f"{{{space}}}Type", metadata.identification_keywords_type)
    add(element, f"{{{space}}}ServiceType", "WPS")
    for version in versions:
        add(element, f"{{{space}}}ServiceTypeVersion", version)
    add(element, f"{{{space}}}Fees", metadata.identification_fees)
    add(element, f"{{{space}}}AccessConstraints", metadata.identification_accessconstraints)


def add_provider(root: Element, metadata: MetadataSection, space: str) -> None:
    """Append ServiceProvider.

    :param space: namespace of OWS.
    """
    provider = add(root, f"{{{space}}}ServiceProvider")
    add(provider, f"{{{space}}}ProviderName", metadata.provider_name)
    if metadata.provider_url:
        add(provider, f"{{{space}}}ProviderSite").set(HREF, metadata.provider_url)
    contact = add(provider, f"{{{space}}}ServiceContact")
    _add_given(contact, {"IndividualName": metadata.contact_name, "PositionName": metadata.contact_position}, space)
    info = add(contact, f"{{{space}}}ContactInfo")
    phone = {"Voice": metadata.contact_phone, "Facsimile": metadata.contact_fax}
    if any(phone.values()):
        _add_given(add(info, f"{{{space}}}Phone"), phone, space)
    address = {
        "DeliveryPoint": metadata.contact_address,
        "City": metadata.contact_city,
        "AdministrativeArea": metadata.contact_stateorprovince,
        "PostalCode": metadata.contact_postalcode,
        "Country": metadata.contact_country,
        "ElectronicMailAddress": metadata.contact_email,
    }
    if any(address.values()):
        _add_given(add(info, f"{{{space}}}Address"), address, space)
    if metadata.contact_url:
        add(info, f"{{{space}}}OnlineResource").set(HREF, metadata.contact_url)
    texts = {"HoursOfService": metadata.contact_hours, "ContactInstructions": metadata.contact_instructions}
    _add_given(info, texts, space)
    if not len(info):
        contact.remove(info)
    if metadata.contact_role:
        add(contact, f"{{{space}}}Role", metadata.contact_role, codeSpace=_ROLE_SPACE)


def _add_given(parent: Element, texts: Mapping[str, str], space: str) -> None:
    for name, text in texts.items():
        if text:
            add(parent, f"{{{space}}}{name}", text)
