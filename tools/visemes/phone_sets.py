"""What Festival and Flite call the sounds of their voices, in the International Phonetic Alphabet."""

from __future__ import annotations

from tools.visemes.phones import SILENCE, parse_ipa


def _read(pairs: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in pairs.split())


# Letters that mean themselves are not repeated.
PHONE_SETS: dict[str, dict[str, str]] = {
    "radio": _read(
        "aa=ɑ ae=æ ah=ʌ ao=ɔ aw=aʊ ax=ə axr=ɚ ay=aɪ ch=tʃ dh=ð dx=ɾ eh=ɛ el=əl em=m en=ən er=ɝ ey=eɪ hh=h hv=h "
        "ih=ɪ iy=i jh=dʒ nx=n ng=ŋ ow=oʊ oy=ɔɪ r=ɹ sh=ʃ th=θ uh=ʊ uw=u y=j zh=ʒ"
    ),
    "czech": _read(
        "a:=a c=ts c~=tʃ ch=x d~=ɟ dz=dz dz~=dʒ e=ɛ e:=ɛ h=ɦ i:=i n*=ŋ n~=ɲ o:=o r~=rʒ r~*=rʃ s~=ʃ t~=c u:=u z~=ʒ"
    ),
    "italian": _read(
        "E=ɛ O=ɔ i1=i e1=e E1=ɛ a1=a o1=o O1=ɔ u1=u S=ʃ Z=ʒ tS=tʃ dZ=dʒ J=ɲ ng=ŋ nf=ɱ L=ʎ ax=ə rr=r p=p t=t k=k"
    ),
    "finnish": _read(
        "a=ɑ a:=ɑ @=æ @:=æ 7=ø 7:=ø &=ə e:=e i:=i o:=o u:=u y:=y p:=p t:=t k:=k b:=b d:=d g:=g f:=f T=θ T:=θ D:=ð "
        "s:=s z:=z S=ʃ S:=ʃ Z:=ʒ h:=h v=ʋ v:=ʋ m:=m n:=n N=ŋ N:=ŋ w:=w l:=l L:=ʎ r:=r j:=j"
    ),
    "russian": _read(
        "ii=i yy=ɨ uu=u ee=e oo=o aa=a y=ɨ ae=ɐ ay=ə ur=ʊ pp=p bb=b tt=t dd=d kk=k gg=g c=ts ch=tʃ ff=f vv=v ss=s "
        "zz=z sh=ʃ sch=ʃ zh=ʒ h=x hh=x mm=m nn=n ll=l rr=r"
    ),
    "indic": _read(
        "a=ə aa=a ih=ɪ iy=i uh=ʊ uw=u eh=e ee=e ay=ɛ oh=o oo=o aw=ɔ ch=tʃ T=ʈ D=ɖ N=ɳ th=t dh=d v=ʋ L=l R=r y=j "
        "sh=ʃ j=dʒ ksh=kʃ sri=ʃri kh=k gh=g td=ʈ tth=ʈ ddh=ɖ bh=b zh=ʒ"
    ),
}
SILENT_NAMES = {"pau", "#", "##", "h#", "brth", "ssil", "sil", "_"}


def sounds_of(name: str, phone_set: str) -> list[str]:
    """Return the IPA sounds of a phone by its synthesiser's name for it."""
    return [SILENCE] if name in SILENT_NAMES else parse_ipa(PHONE_SETS[phone_set].get(name, name))
